import { TorporError } from '../base/errors.ts';
import { formatRange, type PhysRange, sizeOf } from '../base/ranges.ts';
import { PAGE_BYTES, physAddr } from '../base/units.ts';
import { openPageStructs, type PageLayout, type PageMap, type PageStructs } from './page-structs.ts';
import type { PhysicalReader } from './virtual-memory.ts';
import type { Vmcoreinfo } from './vmcoreinfo.ts';

/** Pages by number, half-open; page 0 is the first of the memory that was asked about. */
export interface PageRange {
  readonly start: number;
  readonly end: number;
}

export interface UsedPagesOptions {
  /** Called once for each thing that is not as it should be; the pages that it is about count as used. */
  readonly onDamage?: (what: string) => void;
}

/** 2 MiB of vmemmap with the usual 64 bytes a page; larger than any free block, and all blocks end with it. */
const BATCH_PAGES = 32_768;
/** Not divided further when the structures of so many pages cannot be read at once. */
const SMALLEST_READ_PAGES = 64;
/** Ranges that are told of one by one. */
const MAX_TOLD = 16;

/**
 * The pages of `range` that a kernel which does not run may need, ascending and apart from each other:
 * all but the blocks of its page allocator, found in its vmemmap as makedumpfile does. Pages on
 * per-processor lists count as used, as does everything that is not provably free: no memory map, an
 * impossible order, a page of the block that somebody refers to. Never throws for damaged memory: then
 * more, or everything, is used, and `onDamage` says why. `range` consists of whole pages. Constant memory.
 */
export function* usedPages(
  reader: PhysicalReader,
  vmcoreinfo: Vmcoreinfo,
  range: PhysRange,
  options: UsedPagesOptions = {},
): Generator<PageRange, void, undefined> {
  if (range.start % PAGE_BYTES !== 0 || range.end % PAGE_BYTES !== 0) {
    throw new RangeError(`${formatRange(range)} does not consist of whole pages`);
  }
  const pageCount = sizeOf(range) / PAGE_BYTES;
  let usedFrom = 0;
  for (const free of freePages(reader, vmcoreinfo, range, options)) {
    if (free.start > usedFrom) yield { start: usedFrom, end: free.start };
    usedFrom = free.end;
  }
  if (usedFrom < pageCount) yield { start: usedFrom, end: pageCount };
}

/** What usedPages() leaves out, block by block: ascending, neighbours are not put together. */
export function* freePages(
  reader: PhysicalReader,
  vmcoreinfo: Vmcoreinfo,
  range: PhysRange,
  options: UsedPagesOptions = {},
): Generator<PageRange, void, undefined> {
  let told = 0;
  const onDamage = (what: string): void => {
    told += 1;
    if (told <= MAX_TOLD) options.onDamage?.(what);
  };
  let structs: PageStructs;
  try {
    structs = openPageStructs(reader, vmcoreinfo);
  } catch (error) {
    if (!(error instanceof TorporError)) throw error;
    onDamage(`all pages of ${formatRange(range)} count as used: ${error.message}`);
    return;
  }
  const first = range.start / PAGE_BYTES;
  const end = range.end / PAGE_BYTES;
  let doubtful = 0;
  for (let sectionStart = first; sectionStart < end; ) {
    const section = Math.floor(sectionStart / structs.sectionPages);
    const sectionEnd = Math.min((section + 1) * structs.sectionPages, end);
    const map = structs.findMap(sectionStart);
    if (typeof map === 'string') {
      onDamage(`${formatPfns(sectionStart, sectionEnd)} counts as used: ${map}`);
    } else {
      for (const { pfn, words } of readPieces(map, sectionStart, sectionEnd, onDamage)) {
        for (let at = 0, count = words.length / (structs.layout.sizeBytes / 4); at < count; ) {
          const length = freeBlockAt(structs.layout, words, at, pfn);
          if (length > 0) yield { start: pfn - first + at, end: pfn - first + at + length };
          if (length < 0) doubtful += 1;
          at += Math.max(1, length);
        }
      }
    }
    sectionStart = sectionEnd;
  }
  if (doubtful > 0) {
    options.onDamage?.(`${doubtful} blocks are marked free but damaged; their pages count as used`);
  }
  if (told > MAX_TOLD) options.onDamage?.(`${told - MAX_TOLD} more such ranges count as used`);
}

/** The structures of [start, end) in as few pieces as can be read; what cannot is told and left out. */
function* readPieces(
  map: PageMap,
  start: number,
  end: number,
  onDamage: (what: string) => void,
): Generator<{ pfn: number; words: Int32Array }, void, undefined> {
  for (let pfn = start; pfn < end; ) {
    const batchEnd = Math.min((Math.floor(pfn / BATCH_PAGES) + 1) * BATCH_PAGES, end);
    yield* readHalves(map, pfn, batchEnd, onDamage);
    pfn = batchEnd;
  }
}

function* readHalves(
  map: PageMap,
  start: number,
  end: number,
  onDamage: (what: string) => void,
): Generator<{ pfn: number; words: Int32Array }, void, undefined> {
  const words = map(start, end - start);
  if (words !== null) {
    yield { pfn: start, words };
  } else if (end - start <= SMALLEST_READ_PAGES) {
    onDamage(`${formatPfns(start, end)} counts as used: its memory map is unreadable`);
  } else {
    const middle = start + Math.ceil((end - start) / 2 / SMALLEST_READ_PAGES) * SMALLEST_READ_PAGES;
    yield* readHalves(map, start, middle, onDamage);
    yield* readHalves(map, middle, end, onDamage);
  }
}

/**
 * The pages of the free block that begins with the structure number `at` of `words`, whose first is
 * that of page `start`; 0: none begins there; -1: one is said to begin there, but cannot.
 */
function freeBlockAt(layout: PageLayout, words: Int32Array, at: number, start: number): number {
  const { typeWord, refcountWord, orderWord, buddyType, orderCount } = layout;
  const stride = layout.sizeBytes / 4;
  const head = at * stride;
  if (words[head + typeWord] !== buddyType) return 0;
  const order = words[head + orderWord]!;
  if (words[head + refcountWord] !== 0 || words[head + orderWord + 1] !== 0) return -1;
  if (order < 0 || order >= orderCount) return -1;
  const length = 2 ** order;
  if ((start + at) % length !== 0 || head + length * stride > words.length) return -1;
  // No page of a free block has a type or a user (page_expected_state() of mm/page_alloc.c).
  for (let tail = head + stride; tail < head + length * stride; tail += stride) {
    if (words[tail + typeWord] !== -1 || words[tail + refcountWord] !== 0) return -1;
  }
  return length;
}

function formatPfns(start: number, end: number): string {
  return formatRange({ start: physAddr(start * PAGE_BYTES), end: physAddr(end * PAGE_BYTES) });
}
