import type { PageMap } from './page-map-reader.ts';
import { PAGE_STATE, type PageState, RUN_WORDS, type RunBatch, runCount, runState } from './page-run.ts';

/** Walks a page map from its first page on; behind its last page, and without a map, all is free. */
export class RunCursor {
  /** What the current page and the `left` − 1 pages behind it are. */
  state: PageState = PAGE_STATE.free;
  left = 0;
  /** The pack's number in the snapshot's description, and the page in it, of a stored page. */
  pack = 0;
  first = 0;
  readonly #map: PageMap | null;
  #frame = 0;
  #batch: RunBatch | null = null;
  #run = 0;

  constructor(map: PageMap | null) {
    this.#map = map;
  }

  /** Makes sure that there is a current page. Throws E_BANK_DAMAGED. */
  async load(): Promise<void> {
    if (this.left > 0) return;
    if (this.#batch === null || this.#run === this.#batch.runs) {
      if (this.#map === null || this.#frame === this.#map.frames) {
        this.state = PAGE_STATE.free;
        this.left = Number.POSITIVE_INFINITY;
        return;
      }
      this.#batch = await this.#map.read(this.#frame);
      this.#frame += 1;
      this.#run = 0;
    }
    const { words } = this.#batch;
    const at = this.#run * RUN_WORDS;
    this.state = runState(words[at]!);
    this.left = runCount(words[at]!);
    this.pack = words[at + 1]!;
    this.first = words[at + 2]!;
    this.#run += 1;
  }

  /** Goes on by at most `left` pages. */
  advance(count: number): void {
    this.left -= count;
    this.first += count;
  }
}
