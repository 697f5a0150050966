import type { PageRange } from '../bank/region.ts';
import { TorporError } from '../base/errors.ts';
import { contains, rangeOf } from '../base/ranges.ts';
import { physAddr } from '../base/units.ts';
import { readSlotMemory, type SlotMemory } from '../engine/resident/slot-memory.ts';
import { BOOT_PARAMS } from '../kernel/boot-params.ts';
import { usedPages } from '../kernel/free-pages.ts';
import { SETUP_HEADER } from '../kernel/setup-header.ts';
import { decodeVmcoreinfo } from '../kernel/vmcoreinfo.ts';
import type { SlotRecord } from '../switchboard/record.ts';
import type { Sys } from '../sys/sys.ts';

/** The longest command line of a kernel for x86 (COMMAND_LINE_SIZE, arch/x86/include/asm/setup.h). */
const MAX_COMMAND_LINE_BYTES = 4096;

export type FreePages = 'any' | 'zero' | 'poison';

/** What a snapshot has to know of a kernel that does not run, out of its memory. */
export interface ParkedKernel {
  /** Null when it was not started by `torpor boot`. */
  readonly commandLine: string | null;
  readonly freePages: FreePages;
  /** The pages of its memory that it needs, numbered from the start of its slot; every look finds the same. */
  readonly used: Iterable<PageRange>;
  /** Why more pages are saved than would be needed. */
  readonly doubts: readonly string[];
  close(): void;
}

export function openParkedKernel(sys: Sys, record: SlotRecord): ParkedKernel {
  const memory = readSlotMemory(sys, record);
  const commandLine = readCommandLine(memory, record);
  const doubts = new Set<string>();
  const used = findUsedPages(memory, record, (what) => doubts.add(what));
  return {
    commandLine,
    freePages: expectedInFreePages(commandLine ?? ''),
    used,
    get doubts() {
      return [...doubts];
    },
    close: () => memory.close(),
  };
}

/**
 * What the kernel's page allocator expects to find in free pages (mm/page_alloc.c and mm/page_poison.c,
 * 6.12): with page_poison its pattern, which also switches init_on_free off; with init_on_free zeros.
 */
export function expectedInFreePages(commandLine: string): FreePages {
  const isOn = (name: string): boolean => {
    const values = [...commandLine.matchAll(new RegExp(`(?<=^|\\s)${name}(?:=(\\S*))?(?=\\s|$)`, 'g'))];
    const last = values.at(-1);
    return last !== undefined && /^(1|y|on)?$/i.test(last[1] ?? '');
  };
  if (isOn('page_poison')) return 'poison';
  return isOn('init_on_free') ? 'zero' : 'any';
}

/** The record still says where boot_params were for the first entry; they are in no kernel's RAM. */
function readCommandLine(memory: SlotMemory, record: SlotRecord): string | null {
  const { argument } = record;
  if (argument === 0 || !contains(record.memory, rangeOf(argument, BOOT_PARAMS.sizeBytes))) return null;
  const page = memory.read(argument, BOOT_PARAMS.sizeBytes);
  const address = SETUP_HEADER.decode(page).commandLine + BOOT_PARAMS.decode(page).commandLineHigh * 2 ** 32;
  if (address < record.memory.start || address >= record.memory.end) return null;
  const sizeBytes = Math.min(MAX_COMMAND_LINE_BYTES, record.memory.end - address);
  const bytes = memory.read(physAddr(address), sizeBytes);
  const end = bytes.indexOf(0);
  return end < 0 ? null : Buffer.from(bytes.subarray(0, end)).toString('utf8');
}

function findUsedPages(
  memory: SlotMemory,
  record: SlotRecord,
  onDamage: (what: string) => void,
): Iterable<PageRange> {
  const everything = [{ start: 0, end: (record.memory.end - record.memory.start) / 4096 }];
  const { vmcoreinfo } = record;
  if (vmcoreinfo === null) {
    onDamage(`“${record.name}” has not said where its VMCOREINFO is: its free pages are saved too`);
    return everything;
  }
  try {
    const note = decodeVmcoreinfo(memory.read(vmcoreinfo.address, vmcoreinfo.sizeBytes));
    return { [Symbol.iterator]: () => usedPages(memory, note, record.memory, { onDamage }) };
  } catch (error) {
    if (!(error instanceof TorporError)) throw error;
    onDamage(`the free pages of “${record.name}” are saved too: ${error.message}`);
    return everything;
  }
}
