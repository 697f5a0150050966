import type { PageRange } from '../bank/region.ts';
import { TorporError } from '../base/errors.ts';
import { contains, rangeOf, sizeOf } from '../base/ranges.ts';
import { PAGE_BYTES, physAddr } from '../base/units.ts';
import { readSlotMemory, type SlotMemory } from '../engine/resident/slot-memory.ts';
import { BOOT_PARAMS } from '../kernel/boot-params.ts';
import { usedPages } from '../kernel/free-pages.ts';
import { expectedInFreePages, type FreePageContent, probeFreePages } from '../kernel/probe-free-pages.ts';
import { SETUP_HEADER } from '../kernel/setup-header.ts';
import { decodeVmcoreinfo, type Vmcoreinfo } from '../kernel/vmcoreinfo.ts';
import type { SlotRecord } from '../switchboard/record.ts';
import type { Sys } from '../sys/sys.ts';

/** The longest command line of a kernel for x86 (COMMAND_LINE_SIZE, arch/x86/include/asm/setup.h). */
const MAX_COMMAND_LINE_BYTES = 4096;

/** What a snapshot has to know of a kernel that does not run, out of its memory. */
export interface ParkedKernel {
  /** Null when it was not started by `torpor boot`. */
  readonly commandLine: string | null;
  /** What they must hold when it goes on; looked up at every reading. */
  readonly freePages: FreePageContent;
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
  const onDamage = (what: string): void => void doubts.add(what);
  const note = readVmcoreinfo(memory, record, onDamage);
  return {
    commandLine,
    get freePages() {
      if (note === null) return expectedInFreePages(commandLine);
      return probeFreePages(memory, note, record.memory, commandLine);
    },
    used:
      note === null
        ? [{ start: 0, end: sizeOf(record.memory) / PAGE_BYTES }]
        : { [Symbol.iterator]: () => usedPages(memory, note, record.memory, { onDamage }) },
    get doubts() {
      return [...doubts];
    },
    close: () => memory.close(),
  };
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

/** Null when it cannot be read. */
function readVmcoreinfo(
  memory: SlotMemory,
  { name, vmcoreinfo }: SlotRecord,
  onDamage: (what: string) => void,
): Vmcoreinfo | null {
  if (vmcoreinfo === null) {
    onDamage(`“${name}” has not said where its VMCOREINFO is: its free pages are saved too`);
    return null;
  }
  try {
    return decodeVmcoreinfo(memory.read(vmcoreinfo.address, vmcoreinfo.sizeBytes));
  } catch (error) {
    if (!(error instanceof TorporError)) throw error;
    onDamage(`the free pages of “${name}” are saved too: ${error.message}`);
    return null;
  }
}
