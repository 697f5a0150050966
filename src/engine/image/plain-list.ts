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

/** Pages one behind the other: so many that are marked as zeros, then so many that are stored. */
interface PlainRun {
  readonly zeros: number;
  readonly stored: number;
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
  *read(checksum: Xxh64 | null = null): Generator<PlainPiece, void, undefined> {
    const marked = new Uint8Array(LIST_PAGES * PFNS_PER_PAGE);
    for (let page = 0; page < this.#pages; page += LIST_PAGES) {
      const pages = this.#buffer.subarray(0, Math.min(LIST_PAGES, this.#pages - page) * PAGE_BYTES);
      this.#area.read(this.#firstPage + page, pages);
      checksum?.update(pages);
      const { entries, zeros } = takeZeroFlags(pages, marked);
      yield { pages, isZero: marked.subarray(0, entries), zeros };
    }
  }

  /** Its pages, as they follow one another. A run has no zeros, or nothing that is stored, where a piece begins or ends. */
  *runs(): Generator<PlainRun, void, undefined> {
    for (const { isZero } of this.read()) {
      const next = (value: 0 | 1, from: number): number => {
        const found = isZero.indexOf(value, from);
        return found < 0 ? isZero.length : found;
      };
      for (let at = 0, end: number; at < isZero.length; at = end) {
        const stored = next(0, at);
        end = next(1, stored);
        yield { zeros: stored - at, stored: end - stored };
      }
    }
  }
}
