import * as z from 'zod';
import type { Bank } from './bank.ts';
import { blobPath } from './blobs.ts';
import { decodingBlob, decodingBlobLater } from './damage.ts';
import { FramedReader } from './framed-reader.ts';
import { decodeJson } from './oci.ts';
import { decodeRuns, type RunBatch } from './page-run.ts';
import { pageMapLayers } from './read-description.ts';
import { type Region, regionKey } from './region.ts';
import type { Snapshot } from './snapshot.ts';

const anyRegion = z.looseObject({});

/** The page map of one region of a snapshot, read frame by frame. */
export class PageMap {
  readonly region: Region;
  readonly digest: string;
  readonly frames: number;
  readonly #reference: string;
  readonly #reader: FramedReader;
  readonly #packPages: readonly number[];

  /** Throws E_BANK_DAMAGED when the blob is not the map of this region. */
  constructor(bank: Bank, snapshot: Snapshot, number: number) {
    this.region = snapshot.description.regions[number]!;
    const layer = pageMapLayers(snapshot.manifest)[number]!;
    this.digest = layer.digest;
    this.#reference = snapshot.reference;
    this.#packPages = snapshot.description.packs.map((pack) => pack.pages);
    this.#reader = decodingBlob(this.#reference, this.digest, () => {
      const path = blobPath(layer.digest);
      const size = bank.storage.size(path);
      if (size !== null && size !== layer.size)
        throw new RangeError(`it has ${size} bytes instead of ${layer.size}`);
      const reader = new FramedReader(bank.storage, bank.seal, 'pageMap', path);
      checkRegion(reader.extra, this.region);
      return reader;
    });
    this.frames = this.#reader.frames;
  }

  /** The first page of a frame's runs. */
  firstPage(frame: number): number {
    return this.#reader.frame(frame).firstItem;
  }

  /** The runs of a frame, checked. Throws E_BANK_DAMAGED. */
  async read(frame: number): Promise<RunBatch> {
    return await decodingBlobLater(this.#reference, this.digest, async () =>
      this.#decode(frame, await this.#reader.read(frame)),
    );
  }

  /** The same at once. */
  readNow(frame: number): RunBatch {
    return decodingBlob(this.#reference, this.digest, () => this.#decode(frame, this.#reader.readNow(frame)));
  }

  #decode(frame: number, bytes: Uint8Array): RunBatch {
    const first = this.firstPage(frame);
    const batch = decodeRuns(bytes, first, this.#packPages);
    const end = frame + 1 < this.frames ? this.firstPage(frame + 1) : this.region.pages;
    if (first < 0 || (frame === 0 && first !== 0) || batch.endPage !== end) {
      throw new RangeError('its runs do not cover the region');
    }
    return batch;
  }
}

/** The page map of the region with this key, or null. Throws E_BANK_DAMAGED. */
export function openPageMap(bank: Bank, snapshot: Snapshot, key: string): PageMap | null {
  const number = snapshot.description.regions.findIndex((region) => regionKey(region) === key);
  return number < 0 ? null : new PageMap(bank, snapshot, number);
}

function checkRegion(extra: Uint8Array, region: Region): void {
  const said: Record<string, unknown> = decodeJson(anyRegion, extra);
  for (const [name, value] of Object.entries(region)) {
    if (said[name] !== value) throw new RangeError('it is of another region');
  }
}
