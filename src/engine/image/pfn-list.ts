import { PAGE_BYTES } from '../../base/units.ts';
import { MAX_PFN } from './image-header.ts';
import { PageRuns } from './page-runs.ts';

/** Entries of a page of the list (pack_pfns in kernel/power/snapshot.c). */
export const PFNS_PER_PAGE = PAGE_BYTES / 8;
/** BM_END_OF_MAP: nothing follows. */
const END = 0xffff_ffff_ffff_ffffn;
/** The upper half of ENCODED_PFN_ZERO_FLAG, since 6.6: the page is all zeros and not among the data. */
const ZERO_FLAG_HIGH = 0x8000_0000;

/**
 * What a kernel reads: `plain`, every page is among the data; `zero-flag`, pages of zeros are only marked
 * in the list. A kernel of the second kind reads the first one too.
 */
export type Dialect = 'plain' | 'zero-flag';

/** Pages that a list of so many entries takes. */
export function listPagesOf(entries: number): number {
  return Math.ceil(entries / PFNS_PER_PAGE);
}

/**
 * Adds up the pages of a list, given in their order, to runs. Page frames ascend, as the kernel's bitmap
 * gives them. Throws RangeError.
 */
export class PfnListDecoder {
  readonly runs = new PageRuns();
  #ended = false;

  /** One or more whole pages of the list. */
  add(pages: Uint8Array): void {
    const view = new DataView(pages.buffer, pages.byteOffset, pages.byteLength);
    if (pages.byteLength % PAGE_BYTES !== 0) throw new RangeError('the list is cut short');
    for (let offset = 0; offset < pages.byteLength; ) {
      if (this.#ended) throw new RangeError('the list goes on behind its end');
      const pageEnd = offset + PAGE_BYTES;
      for (; offset < pageEnd; offset += 8) {
        const high = view.getUint32(offset + 4, true);
        const low = view.getUint32(offset, true);
        if (high === 0xffff_ffff && low === 0xffff_ffff) {
          this.#ended = true;
          break;
        }
        const pfn = (high & ~ZERO_FLAG_HIGH) * 2 ** 32 + low;
        if (pfn >= MAX_PFN) throw new RangeError(`there is no page frame ${pfn}`);
        this.runs.add(pfn, 1, (high & ZERO_FLAG_HIGH) !== 0);
      }
      offset = pageEnd;
    }
  }
}

/**
 * Makes whole pages of a list plain, in place (memory at a multiple of 4 bytes); `marked` gets for each entry whether
 * its page is marked as zeros. Returns how many entries there are before the end of the list, and how many are marked.
 */
export function takeZeroFlags(pages: Uint8Array, marked: Uint8Array): { entries: number; zeros: number } {
  const halves = new Uint32Array(pages.buffer, pages.byteOffset, pages.length / 4);
  let [entries, zeros] = [0, 0];
  for (let at = 0; at < halves.length; at += 2) {
    const high = halves[at + 1]!;
    if (high === 0xffff_ffff && halves[at] === 0xffff_ffff) break;
    const isZero = high >>> 31;
    if (isZero === 1) halves[at + 1] = high & ~ZERO_FLAG_HIGH;
    marked[entries] = isZero;
    entries += 1;
    zeros += isZero;
  }
  return { entries, zeros };
}

/** The pages of a list, one at a time; the same buffer each time. */
export function* encodePfnList(runs: PageRuns, dialect: Dialect): Generator<Uint8Array, void, undefined> {
  const page = new Uint8Array(PAGE_BYTES);
  const view = new DataView(page.buffer);
  let entries = 0;
  for (const { start, count, isZero } of runs) {
    const flag = isZero && dialect === 'zero-flag' ? ZERO_FLAG_HIGH : 0;
    for (let pfn = start; pfn < start + count; pfn += 1) {
      view.setUint32(entries * 8, pfn % 2 ** 32, true);
      view.setUint32(entries * 8 + 4, flag + Math.floor(pfn / 2 ** 32), true);
      entries += 1;
      if (entries < PFNS_PER_PAGE) continue;
      yield page;
      page.fill(0);
      entries = 0;
    }
  }
  if (entries === 0) return;
  view.setBigUint64(entries * 8, END, true);
  yield page;
}
