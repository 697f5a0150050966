import { randomBytes } from 'node:crypto';
import { TorporError } from '../base/errors.ts';
import type { Storage } from '../sys/storage.ts';
import type { FrameQueue } from './frame-queue.ts';
import { FramedReader } from './framed-reader.ts';
import { FramedWriter } from './framed-writer.ts';
import type { PageMap } from './page-map-reader.ts';
import { PAGE_STATE, type PageState, RUN_WORDS, type RunBatch, runCount, runState } from './page-run.ts';
import type { Seal } from './seal.ts';

export const FINGERPRINTS = 'torpor/fingerprints';
/** Fingerprints of a frame: 512 KiB. */
const FRAME_PRINTS = 65_536;
const SEED_BYTES = 8;

/** Fingerprints of the snapshot's region with this number. */
export function fingerprintPath(id: string, region: number): string {
  return `${FINGERPRINTS}/${id}.${region}`;
}

/** Forgets those of snapshots that are gone. */
export function dropFingerprints(storage: Storage, ids: ReadonlySet<string>): void {
  for (const name of storage.list(FINGERPRINTS)) {
    if (!ids.has(name.split('.')[0]!)) storage.remove(`${FINGERPRINTS}/${name}`);
  }
}

/** Writes the fingerprints of a region's pages in order; 0 for free and zero pages. */
export class FingerprintWriter {
  readonly #queue: FrameQueue;
  readonly #writer: FramedWriter;
  readonly #seed: bigint;
  #prints = new BigUint64Array(FRAME_PRINTS);
  #frame = 0;
  /** Some print of the frame is not 0. */
  #filled = false;

  constructor(storage: Storage, seal: Seal, queue: FrameQueue, name: string, seed: bigint) {
    storage.makeDirectory(FINGERPRINTS);
    this.#queue = queue;
    this.#seed = seed;
    this.#writer = new FramedWriter(storage, seal, 'fingerprints', name);
  }

  /** Pages in ascending order. Pages that are not told have none. */
  set(page: number, print: bigint): void {
    const frame = Math.floor(page / FRAME_PRINTS);
    if (frame !== this.#frame) {
      this.#flush();
      this.#frame = frame;
    }
    this.#prints[page % FRAME_PRINTS] = print;
    this.#filled = true;
  }

  finish(path: string): void {
    this.#flush();
    const seed = Buffer.alloc(SEED_BYTES);
    seed.writeBigUInt64LE(this.#seed);
    this.#queue.afterwards(() => void this.#writer.finish(seed, path));
  }

  abandon(): void {
    this.#writer.abandon();
  }

  #flush(): void {
    if (!this.#filled) return;
    const raw = new Uint8Array(this.#prints.buffer);
    this.#queue.submit(this.#writer, raw, this.#frame * FRAME_PRINTS, FRAME_PRINTS);
    this.#prints = new BigUint64Array(FRAME_PRINTS);
    this.#filled = false;
  }
}

export function newSeed(): bigint {
  return randomBytes(SEED_BYTES).readBigUInt64LE();
}

/** The pages of a parent's region, walked in ascending order. Without its fingerprints it knows none. */
export class ParentPages {
  /** Of the parent's fingerprints, to be used for the child's; null when there are none. */
  readonly seed: bigint | null;
  /** Where the page that was asked for last is, in the parent's packs. */
  pack = 0;
  first = 0;
  readonly #map: PageMap;
  readonly #prints: FramedReader | null;
  #mapFrame = -1;
  #batch: RunBatch | null = null;
  #run = 0;
  #runStart = 0;
  /** The frames of fingerprints by number, those around the position. */
  #printFrame = -1;
  #nextPrintFrame = 0;
  #printBytes: BigUint64Array | null = null;
  /** The map is damaged from here on: the child does without it. */
  #broken = false;

  constructor(storage: Storage, seal: Seal, map: PageMap, path: string) {
    this.#map = map;
    this.#prints = openPrints(storage, seal, path);
    this.seed = this.#prints === null ? null : Buffer.from(this.#prints.extra).readBigUInt64LE();
  }

  /**
   * Makes `printOf` work for the pages from `start` to the end of its frame of fingerprints
   * (65,536 pages); not before the last one.
   */
  async prepare(start: number): Promise<void> {
    await this.#preparePrints(Math.floor(start / FRAME_PRINTS));
  }

  /** The state of a page, not before the last one; where it is, when it is stored. */
  stateOf(page: number): PageState {
    if (page >= this.#map.region.pages || this.#broken) return PAGE_STATE.free;
    try {
      return this.#seek(page);
    } catch (error) {
      if (!(error instanceof TorporError && error.code === 'E_BANK_DAMAGED')) throw error;
      this.#broken = true;
      return PAGE_STATE.free;
    }
  }

  #seek(page: number): PageState {
    while (this.#batch === null || page >= this.#batch.endPage) {
      this.#mapFrame += 1;
      this.#batch = this.#map.readNow(this.#mapFrame);
      this.#run = 0;
      this.#runStart = this.#batch.firstPage;
    }
    const { words } = this.#batch;
    let word = words[this.#run * RUN_WORDS]!;
    while (page >= this.#runStart + runCount(word)) {
      this.#runStart += runCount(word);
      this.#run += 1;
      word = words[this.#run * RUN_WORDS]!;
    }
    this.pack = words[this.#run * RUN_WORDS + 1]!;
    this.first = words[this.#run * RUN_WORDS + 2]! + page - this.#runStart;
    return runState(word);
  }

  /** 0 when it is not known. */
  printOf(page: number): bigint {
    return this.#printBytes?.[page % FRAME_PRINTS] ?? 0n;
  }

  async #preparePrints(number: number): Promise<void> {
    if (this.#prints === null || number === this.#printFrame) return;
    this.#printFrame = number;
    this.#printBytes = null;
    try {
      for (; this.#nextPrintFrame < this.#prints.frames; this.#nextPrintFrame += 1) {
        const { firstItem } = this.#prints.frame(this.#nextPrintFrame);
        if (firstItem > number * FRAME_PRINTS) return;
        if (firstItem < number * FRAME_PRINTS) continue;
        const bytes = await this.#prints.read(this.#nextPrintFrame);
        this.#printBytes = new BigUint64Array(Uint8Array.from(bytes).buffer);
        return;
      }
    } catch (error) {
      // A cache: what is wrong with it costs time only.
      if (!(error instanceof RangeError)) throw error;
    }
  }
}

function openPrints(storage: Storage, seal: Seal, path: string): FramedReader | null {
  try {
    const reader = new FramedReader(storage, seal, 'fingerprints', path);
    return reader.extra.length === SEED_BYTES ? reader : null;
  } catch (error) {
    if (error instanceof RangeError) return null;
    if (error instanceof TorporError && error.code === 'E_SYSCALL') return null;
    throw error;
  }
}
