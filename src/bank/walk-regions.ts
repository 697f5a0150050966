import { availableParallelism } from 'node:os';
import { PAGE_BYTES } from '../base/units.ts';
import type { Bank } from './bank.ts';
import { decodingBlobLater } from './damage.ts';
import type { PackCache } from './pack-cache.ts';
import { FRAME_PAGES } from './pack-reader.ts';
import { openPageMap } from './page-map-reader.ts';
import { PAGE_STATE, RUN_WORDS, type RunBatch, runCount, runState } from './page-run.ts';
import type { Region } from './region.ts';
import { regionKey } from './region.ts';
import type { Snapshot } from './snapshot.ts';

/** Pieces of stored runs that are held at a time, 18 bytes each with their order: at least 1 GiB of pages when each stands alone. */
const WINDOW_PIECES = 2 ** 18;
const FIRST_PIECES = 2 ** 10;
/** Frames of a pack: a power of two. */
const PACK_FRAMES = 128;
/** Frames that are expanded ahead. */
const AHEAD = 2 * availableParallelism();

/** Told of every page of a region once. Frames are expanded ahead, so stored pages come in the order of the packs. */
export interface RegionVisitor {
  stored(firstPage: number, bytes: Uint8Array): void;
  zero(firstPage: number, count: number): void;
  free(firstPage: number, count: number): void;
}

/** A region, and who is told of its pages. */
export interface RegionWalk {
  readonly region: Region;
  readonly visitor: RegionVisitor;
}

/**
 * Walks regions of a snapshot with a bounded amount of memory: each frame that the pieces of a window lie in is
 * read once for that window, wherever its pages go. Regions share windows: what a kernel has in its page cache is
 * on its disks too. Throws E_BANK_DAMAGED.
 */
export async function walkRegions(
  bank: Bank,
  snapshot: Snapshot,
  walks: readonly RegionWalk[],
  packs: PackCache,
): Promise<void> {
  const window = new Window(snapshot, packs, walks);
  for (const [number, { region }] of walks.entries()) {
    const map = openPageMap(bank, snapshot, regionKey(region))!;
    for (let frame = 0; frame < map.frames; frame += 1) await window.add(number, await map.read(frame));
  }
  await window.flush();
}

/** Pieces of stored pages, each inside one frame of a pack. */
class Window {
  readonly #snapshot: Snapshot;
  readonly #packs: PackCache;
  readonly #walks: readonly RegionWalk[];
  #capacity = FIRST_PIECES;
  #walk = new Uint16Array(FIRST_PIECES);
  #page = new Uint32Array(FIRST_PIECES);
  #count = new Uint16Array(FIRST_PIECES);
  /** Pack × frames of a pack + frame. */
  #frame = new Uint32Array(FIRST_PIECES);
  #first = new Uint16Array(FIRST_PIECES);
  #pieces = 0;

  constructor(snapshot: Snapshot, packs: PackCache, walks: readonly RegionWalk[]) {
    this.#snapshot = snapshot;
    this.#packs = packs;
    this.#walks = walks;
  }

  /** `walk` is the number of the region. */
  async add(walk: number, batch: RunBatch): Promise<void> {
    const { visitor } = this.#walks[walk]!;
    let page = batch.firstPage;
    for (let run = 0; run < batch.runs; run += 1) {
      const word = batch.words[run * RUN_WORDS]!;
      const count = runCount(word);
      const state = runState(word);
      if (state === PAGE_STATE.zero) visitor.zero(page, count);
      else if (state === PAGE_STATE.free) visitor.free(page, count);
      else
        await this.#addStored(
          walk,
          page,
          count,
          batch.words[run * RUN_WORDS + 1]!,
          batch.words[run * RUN_WORDS + 2]!,
        );
      page += count;
    }
  }

  async #addStored(walk: number, page: number, count: number, pack: number, first: number): Promise<void> {
    for (let done = 0; done < count; ) {
      if (this.#pieces === WINDOW_PIECES) await this.flush();
      if (this.#pieces === this.#capacity) this.#grow();
      const inFrame = (first + done) % FRAME_PAGES;
      const piece = Math.min(count - done, FRAME_PAGES - inFrame);
      this.#walk[this.#pieces] = walk;
      this.#page[this.#pieces] = page + done;
      this.#count[this.#pieces] = piece;
      this.#frame[this.#pieces] = pack * PACK_FRAMES + Math.floor((first + done) / FRAME_PAGES);
      this.#first[this.#pieces] = inFrame;
      this.#pieces += 1;
      done += piece;
    }
  }

  #grow(): void {
    this.#capacity *= 2;
    this.#walk = grown(this.#walk, new Uint16Array(this.#capacity));
    this.#page = grown(this.#page, new Uint32Array(this.#capacity));
    this.#count = grown(this.#count, new Uint16Array(this.#capacity));
    this.#frame = grown(this.#frame, new Uint32Array(this.#capacity));
    this.#first = grown(this.#first, new Uint16Array(this.#capacity));
  }

  /** Tells the visitors of all pieces, frame after frame. */
  async flush(): Promise<void> {
    const { frames, order } = this.#sortByFrame();
    const ahead: Promise<Uint8Array>[] = [];
    let next = 0;
    try {
      for (const { frame, start, end } of frames) {
        while (next < frames.length && ahead.length < AHEAD) ahead.push(this.#expand(frames[next++]!.frame));
        const bytes = await ahead.shift()!;
        this.#tell(bytes, order, start, end, frame);
      }
    } finally {
      await Promise.allSettled(ahead);
    }
    this.#pieces = 0;
  }

  #tell(bytes: Uint8Array, order: Uint32Array, start: number, end: number, frame: number): void {
    for (let index = start; index < end; index += 1) {
      const piece = order[index]!;
      const from = this.#first[piece]! * PAGE_BYTES;
      const to = from + this.#count[piece]! * PAGE_BYTES;
      if (to > bytes.length) throw new Error(`frame ${frame} is shorter than its pages`);
      const { visitor } = this.#walks[this.#walk[piece]!]!;
      visitor.stored(this.#page[piece]!, bytes.subarray(from, to));
    }
  }

  #expand(frame: number): Promise<Uint8Array> {
    const number = Math.floor(frame / PACK_FRAMES);
    const digest = this.#snapshot.description.packs[number]!.digest;
    const expanding = decodingBlobLater(this.#snapshot.reference, digest, async () =>
      this.#packs.get(number).read(frame % PACK_FRAMES),
    );
    // A failure is seen where it is waited for.
    expanding.catch(() => {});
    return expanding;
  }

  /** Pieces in the order of their frames, within a frame in that of regions and their pages. */
  #sortByFrame(): { frames: { frame: number; start: number; end: number }[]; order: Uint32Array } {
    const counts = new Map<number, number>();
    for (let piece = 0; piece < this.#pieces; piece += 1) {
      const frame = this.#frame[piece]!;
      counts.set(frame, (counts.get(frame) ?? 0) + 1);
    }
    const frames: { frame: number; start: number; end: number }[] = [];
    const positions = new Map<number, number>();
    let start = 0;
    for (const frame of Float64Array.from(counts.keys()).sort()) {
      const end = start + counts.get(frame)!;
      frames.push({ frame, start, end });
      positions.set(frame, start);
      start = end;
    }
    const order = new Uint32Array(this.#pieces);
    for (let piece = 0; piece < this.#pieces; piece += 1) {
      const frame = this.#frame[piece]!;
      const position = positions.get(frame)!;
      order[position] = piece;
      positions.set(frame, position + 1);
    }
    return { frames, order };
  }
}

function grown<T extends Uint16Array | Uint32Array>(from: T, into: T): T {
  into.set(from);
  return into;
}
