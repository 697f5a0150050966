import { TorporError } from '../base/errors.ts';
import { PAGE_BYTES } from '../base/units.ts';
import { xxh64 } from '../sys/xxh64.ts';
import type { FramedBlob } from './framed-writer.ts';
import { pageDigester } from './pack-reader.ts';
import { openPageMap } from './page-map-reader.ts';
import { PageMapWriter } from './page-map-writer.ts';
import { PAGE_STATE } from './page-run.ts';
import { FingerprintWriter, fingerprintPath, newSeed, ParentPages } from './parent-pages.ts';
import { type RegionSource, regionKey } from './region.ts';
import type { SaveContext } from './save.ts';
import { isZeroPage } from './zero-page.ts';

/** Pages that are read at a time: 1 MiB; a divisor of the pages of a frame of fingerprints. */
const CHUNK_PAGES = 256;

/** Reads one region and writes its page map, its fingerprints, and the pages that are new. */
export class RegionSaver {
  readonly #context: SaveContext;
  readonly #source: RegionSource;
  readonly #number: number;
  readonly #map: PageMapWriter;
  readonly #prints: FingerprintWriter;
  readonly #parent: ParentPages | null;
  readonly #seed: bigint;
  readonly #digest: (page: Uint8Array) => Buffer;
  readonly #buffer = Buffer.allocUnsafeSlow(CHUNK_PAGES * PAGE_BYTES);
  /** 1 for pages of the buffer that are zeros. */
  readonly #zero = new Uint8Array(CHUNK_PAGES);
  readonly #chunkPrints = new BigUint64Array(CHUNK_PAGES);
  /** Each of the buffer's pages. */
  readonly #views: readonly Buffer[];
  /** Numbers of the parent's packs in the new snapshot; -2 for not asked yet. */
  readonly #parentPacks: Int32Array;

  /** `number` of the region in the snapshot. */
  constructor(context: SaveContext, source: RegionSource, number: number) {
    const { bank, parent, queue } = context;
    const { storage, seal } = bank;
    const { region } = source;
    this.#context = context;
    this.#source = source;
    this.#number = number;
    this.#digest = pageDigester(seal);
    this.#parent = parent === null ? null : openParent(context, regionKey(region));
    this.#seed = this.#parent?.seed ?? newSeed();
    this.#parentPacks = new Int32Array(parent?.description.packs.length ?? 0).fill(-2);
    this.#map = new PageMapWriter(storage, seal, queue, `map-${number}`, region);
    this.#prints = new FingerprintWriter(storage, seal, queue, `prints-${number}`, this.#seed);
    this.#views = Array.from({ length: CHUNK_PAGES }, (_, page) =>
      this.#buffer.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES),
    );
  }

  async run(): Promise<void> {
    const { pages } = this.#source.region;
    let position = 0;
    for (const range of this.#source.used) {
      if (range.start < position || range.end > pages || range.end < range.start) {
        throw new Error(`the used pages [${range.start}, ${range.end}) are out of order`);
      }
      this.#addFree(range.start - position);
      for (let page = range.start; page < range.end; ) {
        const end = Math.min(range.end, page + CHUNK_PAGES - (page % CHUNK_PAGES));
        await this.#saveChunk(page, end - page);
        page = end;
      }
      position = range.end;
    }
    this.#addFree(pages - position);
  }

  /** The rest of map and fingerprints; `done` is called when the queue comes to it. */
  finish(id: string, done: (map: FramedBlob) => void): void {
    this.#map.finish(done);
    this.#prints.finish(fingerprintPath(id, this.#number));
  }

  abandon(): void {
    this.#map.abandon();
    this.#prints.abandon();
  }

  #addFree(count: number): void {
    if (count === 0) return;
    this.#map.add(PAGE_STATE.free, count);
    this.#context.counts.free += count;
    this.#context.meter.add(count * PAGE_BYTES);
  }

  /** Pages [first, first + count), at most a buffer. */
  async #saveChunk(first: number, count: number): Promise<void> {
    const { stagesMs, queue, meter } = this.#context;
    await queue.room();
    await this.#parent?.prepare(first);
    const start = performance.now();
    this.#source.read(first, this.#buffer.subarray(0, count * PAGE_BYTES));
    const readMs = performance.now();
    this.#scan(count);
    const scanMs = performance.now();
    for (let index = 0; index < count; index += 1) this.#savePage(first + index, index);
    stagesMs.read += readMs - start;
    stagesMs.scan += scanMs - readMs;
    stagesMs.digest += performance.now() - scanMs;
    meter.add(count * PAGE_BYTES);
  }

  #scan(count: number): void {
    for (let index = 0; index < count; index += 1) {
      const isZero = isZeroPage(this.#buffer, index * PAGE_BYTES);
      this.#zero[index] = isZero ? 1 : 0;
      if (!isZero) this.#chunkPrints[index] = xxh64(this.#views[index]!, this.#seed);
    }
  }

  /** The page that is at `index` of the buffer. */
  #savePage(page: number, index: number): void {
    const { counts, newPages, index: pageIndex, packWriter } = this.#context;
    if (this.#zero[index] === 1) {
      this.#map.add(PAGE_STATE.zero, 1);
      counts.zero += 1;
      return;
    }
    counts.stored += 1;
    const print = this.#chunkPrints[index]!;
    this.#prints.set(page, print);
    const inherited = this.#inheritedPack(page, print);
    if (inherited >= 0) {
      this.#map.add(PAGE_STATE.stored, 1, inherited, this.#parent!.first);
      return;
    }
    const digest = this.#digest(this.#views[index]!);
    if (newPages.find(digest)) {
      this.#map.add(PAGE_STATE.stored, 1, newPages.pack, newPages.page);
    } else if (pageIndex.find(digest)) {
      this.#map.add(PAGE_STATE.stored, 1, pageIndex.pack, pageIndex.page);
    } else {
      packWriter.add(this.#buffer, index * PAGE_BYTES, digest);
      newPages.add(digest, packWriter.number, packWriter.page);
      this.#map.add(PAGE_STATE.stored, 1, packWriter.number, packWriter.page);
      counts.fresh += 1;
    }
  }

  /** The number of the pack in which the parent has this very page, or -1. */
  #inheritedPack(page: number, print: bigint): number {
    const parent = this.#parent;
    if (parent === null || print === 0n || parent.printOf(page) !== print) return -1;
    if (parent.stateOf(page) !== PAGE_STATE.stored) return -1;
    let number = this.#parentPacks[parent.pack]!;
    if (number === -2) {
      number = this.#context.packs.use(this.#context.parent!.description.packs[parent.pack]!);
      this.#parentPacks[parent.pack] = number;
    }
    return number;
  }
}

/** Null when the parent has no such region, or a damaged map of it. */
function openParent(context: SaveContext, key: string): ParentPages | null {
  const { bank, parent } = context;
  try {
    const map = openPageMap(bank, parent!, key);
    if (map === null) return null;
    const number = parent!.description.regions.findIndex((region) => regionKey(region) === key);
    return new ParentPages(bank.storage, bank.seal, map, fingerprintPath(parent!.id, number));
  } catch (error) {
    if (error instanceof TorporError && error.code === 'E_BANK_DAMAGED') return null;
    throw error;
  }
}
