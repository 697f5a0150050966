import { PAGE_BYTES } from '../../base/units.ts';
import type { Xxh64 } from '../../sys/xxh64.ts';
import { PFNS_PER_PAGE, takeZeroFlags } from './pfn-list.ts';
import type { StagingArea } from './staging-area.ts';

/** Pages of a list that are read at a time. */
const LIST_PAGES = 16;
export const LIST_BYTES = LIST_PAGES * PAGE_BYTES;

/** A piece of a list made plain, and for each of its entries 1 when its page was marked as zeros. */
interface PlainPiece {
  readonly pages: Uint8Array;
  readonly isZero: Uint8Array;
  /** How many of them are. */
  readonly zeros: number;
}

/** The list of a staged image, for a kernel that knows no marks. It is read piece by piece, in the buffer given. */
export class PlainList {
  readonly #area: StagingArea;
  readonly #firstPage: number;
  readonly #pages: number;
  readonly #buffer: Uint8Array;

  constructor(area: StagingArea, firstPage: number, pages: number, buffer: Uint8Array) {
    this.#area = area;
    this.#firstPage = firstPage;
    this.#pages = pages;
    this.#buffer = buffer;
  }

  /** The same memory each time. `checksum` gets the list as it lies there. */
  *read(checksum?: Xxh64): Generator<PlainPiece, void, undefined> {
    const marked = new Uint8Array(LIST_PAGES * PFNS_PER_PAGE);
    for (let page = 0; page < this.#pages; page += LIST_PAGES) {
      const pages = this.#buffer.subarray(0, Math.min(LIST_PAGES, this.#pages - page) * PAGE_BYTES);
      this.#area.read(this.#firstPage + page, pages);
      checksum?.update(pages);
      const { entries, zeros } = takeZeroFlags(pages, marked);
      yield { pages, isZero: marked.subarray(0, entries), zeros };
    }
  }

  /** Hands out the entries one after the other: each time some of them, with at most so many pages that are stored. */
  split(): { next(most: number): { readonly isZero: Uint8Array; readonly stored: number } } {
    const pieces = this.read();
    let left: Uint8Array = new Uint8Array();
    return {
      next(most) {
        if (left.length === 0) left = pieces.next().value?.isZero ?? left;
        let [length, stored] = [0, 0];
        for (; length < left.length && stored + 1 - left[length]! <= most; length += 1)
          stored += 1 - left[length]!;
        const isZero = left.subarray(0, length);
        left = left.subarray(length);
        return { isZero, stored };
      },
    };
  }
}
