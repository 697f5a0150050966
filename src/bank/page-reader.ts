import { TorporError } from '../base/errors.ts';
import { PAGE_BYTES } from '../base/units.ts';
import type { Bank } from './bank.ts';
import { decodingBlob } from './damage.ts';
import { PackCache } from './pack-cache.ts';
import { FRAME_PAGES } from './pack-reader.ts';
import { openPageMap, type PageMap } from './page-map-reader.ts';
import { PAGE_STATE, RUN_WORDS, type RunBatch, runCount, runState } from './page-run.ts';
import { regionKey } from './region.ts';
import type { PageReader, Snapshot } from './snapshot.ts';

/** Expanded frames of packs, 1 MiB each, and frames of the map with the first page of each run. */
const KEPT_FRAMES = 16;
const KEPT_BATCHES = 4;

interface IndexedBatch {
  readonly batch: RunBatch;
  readonly starts: Float64Array;
}

/** Reads single pages of a frozen OS. Throws E_NO_SNAPSHOT when there is no such region, E_BANK_DAMAGED. */
export function openPageReader(bank: Bank, snapshot: Snapshot, key: string): PageReader {
  const map = openPageMap(bank, snapshot, key);
  if (map === null) {
    const regions = snapshot.description.regions.map(regionKey);
    throw new TorporError('E_NO_SNAPSHOT', `${snapshot.reference} has no region ${key}`, {
      facts: { reference: snapshot.reference, region: key, regions },
      hint: `name one of: ${regions.join(', ')}`,
    });
  }
  return new BankPageReader(bank, snapshot, map);
}

class BankPageReader implements PageReader {
  readonly pages: number;
  readonly #snapshot: Snapshot;
  readonly #map: PageMap;
  readonly #packs: PackCache;
  readonly #batches = new Kept<IndexedBatch>(KEPT_BATCHES);
  readonly #frames = new Kept<Uint8Array>(KEPT_FRAMES);

  constructor(bank: Bank, snapshot: Snapshot, map: PageMap) {
    this.pages = map.region.pages;
    this.#snapshot = snapshot;
    this.#map = map;
    this.#packs = new PackCache(bank, snapshot);
  }

  read(page: number): Uint8Array | 'zero' | 'free' {
    if (!Number.isInteger(page) || page < 0 || page >= this.pages) {
      throw new RangeError(`page ${page} is outside the region of ${this.pages} pages`);
    }
    const { batch, starts } = this.#batchOf(page);
    const run = lastAtMost(starts.length, page, (index) => starts[index]!);
    const state = runState(batch.words[run * RUN_WORDS]!);
    if (state === PAGE_STATE.free) return 'free';
    if (state === PAGE_STATE.zero) return 'zero';
    const inPack = batch.words[run * RUN_WORDS + 2]! + page - starts[run]!;
    const bytes = this.#frame(batch.words[run * RUN_WORDS + 1]!, Math.floor(inPack / FRAME_PAGES));
    const offset = (inPack % FRAME_PAGES) * PAGE_BYTES;
    return bytes.subarray(offset, offset + PAGE_BYTES);
  }

  #batchOf(page: number): IndexedBatch {
    const frame = lastAtMost(this.#map.frames, page, (index) => this.#map.firstPage(index));
    return this.#batches.get(frame, () => {
      const batch = this.#map.readNow(frame);
      const starts = new Float64Array(batch.runs);
      let start = batch.firstPage;
      for (let run = 0; run < batch.runs; run += 1) {
        starts[run] = start;
        start += runCount(batch.words[run * RUN_WORDS]!);
      }
      return { batch, starts };
    });
  }

  #frame(pack: number, frame: number): Uint8Array {
    const { digest } = this.#snapshot.description.packs[pack]!;
    return this.#frames.get(pack * FRAME_PAGES + frame, () =>
      decodingBlob(this.#snapshot.reference, digest, () => this.#packs.get(pack).readNow(frame)),
    );
  }
}

/** The values used last, by number. */
class Kept<T> {
  readonly #limit: number;
  readonly #values = new Map<number, T>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: number, make: () => T): T {
    const value = this.#values.get(key) ?? make();
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size > this.#limit) this.#values.delete(this.#values.keys().next().value!);
    return value;
  }
}

/** The last index of `count` ascending values that is at most `wanted`; the first value must be. */
function lastAtMost(count: number, wanted: number, valueAt: (index: number) => number): number {
  let [low, high] = [0, count];
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (valueAt(middle) <= wanted) low = middle;
    else high = middle;
  }
  return low;
}
