import type { PageRange } from '../../filesystem/ext4/used-pages.ts';

const WORD_BITS = 32;
const ALL = 0xffff_ffff;

/** A set of the pages 0 to `pages` - 1 of a disk: a bit a page, 32 MiB for a disk of 1 TiB. */
export class PageSet {
  readonly pages: number;
  readonly #words: Uint32Array;

  constructor(pages: number) {
    this.pages = pages;
    this.#words = new Uint32Array(Math.ceil(pages / WORD_BITS));
  }

  /** What lies outside is left out. */
  add(range: PageRange): void {
    this.#change(range, (word, mask) => word | mask);
  }

  remove(range: PageRange): void {
    this.#change(range, (word, mask) => word & ~mask);
  }

  /** Those of its pages that are in the range, ascending and apart from each other. */
  *within({ start, end }: PageRange): Generator<PageRange, void, undefined> {
    const last = Math.min(end, this.pages);
    for (let page = this.#next(Math.max(0, start), last, true); page < last; ) {
      const stop = this.#next(page, last, false);
      yield { start: page, end: stop };
      page = this.#next(stop, last, true);
    }
  }

  /** How many pages it has. */
  count(): number {
    let count = 0;
    for (const { start, end } of this.within({ start: 0, end: this.pages })) count += end - start;
    return count;
  }

  /** The first page from there on that is in it, or is not; `end` when there is none before. */
  #next(from: number, end: number, isIn: boolean): number {
    const skipped = isIn ? 0 : ALL;
    for (let page = from; page < end; ) {
      const word = this.#words[Math.floor(page / WORD_BITS)]!;
      if (page % WORD_BITS === 0 && word === skipped) page += WORD_BITS;
      else if (((word >>> (page % WORD_BITS)) & 1) === (isIn ? 1 : 0)) return page;
      else page += 1;
    }
    return end;
  }

  #change({ start, end }: PageRange, action: (word: number, mask: number) => number): void {
    const last = Math.min(end, this.pages);
    for (let page = Math.max(0, start); page < last; ) {
      const index = Math.floor(page / WORD_BITS);
      const [from, to] = [page % WORD_BITS, Math.min(WORD_BITS, last - index * WORD_BITS)];
      // A shift by 32 is one by 0.
      const mask = (to === WORD_BITS ? ALL : 2 ** to - 1) & (ALL << from);
      this.#words[index] = action(this.#words[index]!, mask);
      page = index * WORD_BITS + to;
    }
  }
}
