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

/** Pages one behind the other that are all stored, or all marked as zeros. */
export interface PlainRun {
  readonly pages: number;
  readonly isZero: boolean;
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

  /** Its pages, as they follow one another. */
  *runs(): Generator<PlainRun, void, undefined> {
    for (const { isZero } of this.read()) {
      for (let at = 0; at < isZero.length; ) {
        const marked = isZero[at]!;
        const other = isZero.indexOf(1 - marked, at);
        const end = other < 0 ? isZero.length : other;
        yield { pages: end - at, isZero: marked === 1 };
        at = end;
      }
    }
  }
}
