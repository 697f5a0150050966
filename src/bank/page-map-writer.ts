import type { Storage } from '../sys/storage.ts';
import type { FrameQueue } from './frame-queue.ts';
import { type FramedBlob, FramedWriter } from './framed-writer.ts';
import { encodeJson } from './oci.ts';
import { FRAME_RUNS, MAX_RUN_PAGES, PAGE_STATE, type PageState, packRunWord, RUN_WORDS } from './page-run.ts';
import type { Region } from './region.ts';
import type { Seal } from './seal.ts';

/** Writes the page map of one region; pages are told in ascending order without gaps. */
export class PageMapWriter {
  readonly #queue: FrameQueue;
  readonly #writer: FramedWriter;
  readonly #region: Region;
  #words = new Uint32Array(FRAME_RUNS * RUN_WORDS);
  #runs = 0;
  #framePage = 0;
  #page = 0;
  // The run that still grows.
  #state: PageState = PAGE_STATE.free;
  #count = 0;
  #pack = 0;
  #first = 0;

  constructor(storage: Storage, seal: Seal, queue: FrameQueue, name: string, region: Region) {
    this.#queue = queue;
    this.#region = region;
    this.#writer = new FramedWriter(storage, seal, 'pageMap', name);
  }

  /** Pages told so far. */
  get pages(): number {
    return this.#page;
  }

  /** `pack` and `first` of stored pages; 0 for others. */
  add(state: PageState, count: number, pack = 0, first = 0): void {
    this.#page += count;
    for (let left = count; left > 0; ) {
      const grows =
        this.#count > 0 &&
        this.#count < MAX_RUN_PAGES &&
        state === this.#state &&
        (state !== PAGE_STATE.stored ||
          (pack === this.#pack && first + (count - left) === this.#first + this.#count));
      if (!grows) this.#startRun(state, pack, state === PAGE_STATE.stored ? first + (count - left) : 0);
      const taken = Math.min(left, MAX_RUN_PAGES - this.#count);
      this.#count += taken;
      left -= taken;
    }
  }

  /** The last of it; the blob is there when the queue has come to its end. */
  finish(done: (blob: FramedBlob) => void): void {
    if (this.#page !== this.#region.pages) {
      throw new Error(`${this.#page} pages of ${this.#region.pages} were told`);
    }
    this.#endRun();
    this.#flush(this.#page);
    this.#queue.afterwards(() => done(this.#writer.finish(encodeJson(this.#region))));
  }

  abandon(): void {
    this.#writer.abandon();
  }

  #startRun(state: PageState, pack: number, first: number): void {
    this.#endRun();
    this.#state = state;
    this.#pack = pack;
    this.#first = first;
    this.#count = 0;
  }

  #endRun(): void {
    if (this.#count === 0) return;
    const at = this.#runs * RUN_WORDS;
    this.#words[at] = packRunWord(this.#state, this.#count);
    this.#words[at + 1] = this.#pack;
    this.#words[at + 2] = this.#first;
    this.#runs += 1;
    this.#runPages += this.#count;
    if (this.#runs === FRAME_RUNS) this.#flush(this.#framePage + this.#runPages);
  }

  #runPages = 0;

  /** Ends a frame before page `end`. */
  #flush(end: number): void {
    if (this.#runs === 0) return;
    const raw = new Uint8Array(this.#words.buffer, 0, this.#runs * RUN_WORDS * 4);
    this.#queue.submit(this.#writer, raw, this.#framePage, this.#runs);
    this.#words = new Uint32Array(FRAME_RUNS * RUN_WORDS);
    this.#runs = 0;
    this.#runPages = 0;
    this.#framePage = end;
  }
}
