import { crc32 } from 'node:zlib';
import { TorporError } from '../../base/errors.ts';
import { defineStruct, u32, u64 } from '../../base/struct.ts';
import { hex } from '../../base/units.ts';
import type { Sys } from '../../sys/sys.ts';
import type { ImageKernel } from './image-header.ts';
import { dialectOf } from './image-stream.ts';
import type { Dialect } from './pfn-list.ts';

const MEMMAP = '/sys/firmware/memmap';
/** struct e820_entry, packed (arch/x86/include/asm/e820/types.h). The table has a 32-bit count before it. */
const E820_ENTRY = defineStruct('e820_entry', 20, { start: u64(0), sizeBytes: u64(8), type: u32(16) });
/** Opposite of e820_type_to_string() (arch/x86/kernel/e820.c, 6.12). */
const TYPE_NUMBERS: Readonly<Record<string, number>> = {
  'System RAM': 1,
  Reserved: 2,
  'ACPI Tables': 3,
  'ACPI Non-volatile Storage': 4,
  'Unusable memory': 5,
  'Persistent Memory': 7,
  'Persistent Memory (legacy)': 12,
  'Soft Reserved': 0xefff_ffff,
};

/** What a kernel that is to restore an image compares the image's header with. */
export interface Loader {
  readonly release: string;
  readonly dialect: Dialect;
  /** Null when this kernel does not show enough to know it. */
  readonly e820Checksum: number | null;
  readonly physPages: number | null;
  /** Bytes of memory that are free or soon can be. */
  readonly availableBytes: number;
}

/** Asks the running kernel for what it will compare. */
export function readLoader(sys: Sys): Loader {
  const release = sys.kernelRelease();
  return {
    release,
    dialect: dialectOf(release),
    e820Checksum: readE820Checksum(sys),
    physPages: readPhysPages(sys),
    availableBytes:
      Number(/^MemAvailable:\s+(\d+) kB/m.exec(sys.readTextFile('/proc/meminfo') ?? '')?.[1] ?? 0) * 1024,
  };
}

/** compute_e820_crc32() of arch/x86/power/hibernate.c over e820_table_firmware, which sysfs shows in its order. */
export function readE820Checksum(sys: Sys): number | null {
  const names = sys.listDirectory(MEMMAP).toSorted((a, b) => Number(a) - Number(b));
  if (names.length === 0) return null;
  const table = new Uint8Array(4 + names.length * E820_ENTRY.sizeBytes);
  new DataView(table.buffer).setUint32(0, names.length, true);
  for (const [index, name] of names.entries()) {
    const field = (key: string): string => (sys.readTextFile(`${MEMMAP}/${name}/${key}`) ?? '').trim();
    const type = TYPE_NUMBERS[field('type')];
    const [start, last] = [field('start'), field('end')];
    if (type === undefined || !isHex(start) || !isHex(last)) return null;
    const entry = { start: BigInt(start), sizeBytes: BigInt(last) + 1n - BigInt(start), type };
    E820_ENTRY.encodeInto(table, entry, 4 + index * E820_ENTRY.sizeBytes);
  }
  return crc32(table);
}

/** get_num_physpages(): the sum of what is present in all zones. */
function readPhysPages(sys: Sys): number | null {
  const zones = sys.readTextFile('/proc/zoneinfo');
  if (zones === null) return null;
  return [...zones.matchAll(/^\s+present\s+(\d+)$/gm)].reduce((sum, [, pages]) => sum + Number(pages), 0);
}

const isHex = (text: string): boolean => /^0x[0-9a-f]{1,16}$/i.test(text);

/** Everything that the kernel would refuse the image for, said before it is asked. Throws E_OTHER_MACHINE. */
export function checkLoader(image: ImageKernel, loader: Loader): void {
  const different: string[] = [];
  if (loader.e820Checksum !== null && loader.e820Checksum !== image.e820Checksum) {
    different.push(
      `the firmware's memory map had the checksum ${hex(image.e820Checksum)} and has ${hex(loader.e820Checksum)}`,
    );
  }
  if (loader.physPages !== null && loader.physPages !== image.physPages) {
    different.push(`the kernel had ${image.physPages} pages of memory and has ${loader.physPages}`);
  }
  const [first] = different;
  if (first === undefined) return;
  throw new TorporError('E_OTHER_MACHINE', `this kernel would refuse the image: ${first}`, {
    facts: { differences: different, release: loader.release },
    hint: 'restore it on the same machine, with the same firmware settings and the same memory arguments (mem=, memmap=)',
  });
}
