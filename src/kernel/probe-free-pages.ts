import type { PhysRange } from '../base/ranges.ts';
import { PAGE_BYTES, physAddr } from '../base/units.ts';
import { freePages } from './free-pages.ts';
import type { PhysicalReader } from './virtual-memory.ts';
import type { Vmcoreinfo } from './vmcoreinfo.ts';

/**
 * What a kernel expects to find in a free page when it hands it out: `zero` (init_on_free), `poison`
 * (page_poison: every byte is 0xaa), or `any`thing.
 */
export type FreePageContent = 'any' | 'zero' | 'poison';

/** PAGE_POISON (include/linux/poison.h, 6.1 to 7.2). */
export const PAGE_POISON_BYTE = 0xaa;
/** Enough that a kernel which neither clears nor poisons has left something in one of them. */
const SAMPLES = 1024;
/** Mostly one of the first blocks shows that free pages hold anything. */
const FIRST_LOOKS = 32;

/**
 * What the free pages of a kernel that does not run must hold when it goes on. Pages that are free now
 * decide: when all samples are zero, or all poisoned, it may depend on that; otherwise it cannot. Its
 * command line (null when unknown) counts only where nothing can be sampled. Never throws for damaged memory.
 */
export function probeFreePages(
  reader: PhysicalReader,
  vmcoreinfo: Vmcoreinfo,
  range: PhysRange,
  commandLine: string | null,
): FreePageContent {
  const contentOf = (page: number): FreePageContent | null =>
    readContent(reader, range.start + page * PAGE_BYTES);
  // All of them are looked through only when these are alike.
  let looks = 0;
  for (const { start } of freePages(reader, vmcoreinfo, range)) {
    if (contentOf(start) === 'any') return 'any';
    looks += 1;
    if (looks === FIRST_LOOKS) break;
  }
  const seen = new Set<FreePageContent>();
  for (const page of samplePages(reader, vmcoreinfo, range)) {
    const content = contentOf(page);
    if (content !== null) seen.add(content);
    if (content === 'any' || seen.size > 1) return 'any';
  }
  return [...seen][0] ?? expectedInFreePages(commandLine);
}

/**
 * What these arguments, null when unknown, ask for (mm/mm_init.c, mem_debugging_and_hardening_init of
 * 6.12: poisoning goes before clearing; the last of several counts). A kernel may have been built without
 * the one or with the other as its default.
 */
export function expectedInFreePages(commandLine: string | null): FreePageContent {
  const isOn = (name: string): boolean => {
    const values = [
      ...(commandLine ?? '').matchAll(new RegExp(`(?<=^|\\s)${name}(?:=(\\S*))?(?=\\s|$)`, 'g')),
    ];
    const last = values.at(-1);
    return last !== undefined && /^([1yt]|on)?$/i.test(last[1] ?? '');
  };
  if (isOn('page_poison')) return 'poison';
  return isOn('init_on_free') ? 'zero' : 'any';
}

/** The first and the last page of free blocks, evenly chosen out of all of them. */
function samplePages(reader: PhysicalReader, vmcoreinfo: Vmcoreinfo, range: PhysRange): number[] {
  let pages: number[] = [];
  let step = 1;
  let index = 0;
  for (const { start, end } of freePages(reader, vmcoreinfo, range)) {
    if (index % step === 0) pages.push(start, end - 1);
    index += 1;
    if (pages.length <= SAMPLES) continue;
    // Every second block of those kept, and from here on of those to come.
    pages = pages.filter((_, at) => at % 4 < 2);
    step *= 2;
  }
  return pages;
}

/** Null when the page is unreadable. */
function readContent(reader: PhysicalReader, address: number): FreePageContent | null {
  let bytes: Uint8Array;
  try {
    bytes = reader.read(physAddr(address), PAGE_BYTES);
  } catch {
    return null;
  }
  const [first] = bytes;
  if (first !== 0 && first !== PAGE_POISON_BYTE) return 'any';
  if (bytes.some((byte) => byte !== first)) return 'any';
  return first === 0 ? 'zero' : 'poison';
}
