import { createHash } from 'node:crypto';
import { type OnProgress, ProgressMeter } from '../base/progress.ts';
import { MIB, PAGE_BYTES } from '../base/units.ts';
import type { Bank } from './bank.ts';
import { blobPath } from './blobs.ts';
import { decodingBlob, decodingBlobLater } from './damage.ts';
import type { Descriptor } from './oci.ts';
import { PackCache } from './pack-cache.ts';
import { DIGEST_BYTES, pageDigester } from './pack-reader.ts';
import { PageMap } from './page-map-reader.ts';
import { packLayers, pageMapLayers } from './read-description.ts';
import type { Snapshot } from './snapshot.ts';
import { isVerified, markVerified } from './verified.ts';

/**
 * `stored`: every stored byte that the snapshot needs is the one that was written (checksums of
 * frames, digests of the rest). `pages`: also every blob's SHA-256, and every page of the packs
 * against its digest. `auto`: `pages` for a snapshot that comes from elsewhere and was never verified
 * here, `stored` for others.
 */
export type VerifyDepth = 'auto' | 'stored' | 'pages';

export interface VerifyOptions {
  readonly depth?: VerifyDepth;
  /** Digests of packs that need not be looked at again. Those that are found whole are added. */
  readonly done?: Set<string>;
  readonly onProgress?: OnProgress;
}

/** Throws E_BANK_DAMAGED with the first thing that is wrong; resolves with the depth that was used. */
export async function verifySnapshot(
  bank: Bank,
  snapshot: Snapshot,
  options: VerifyOptions = {},
): Promise<Exclude<VerifyDepth, 'auto'>> {
  const { done = new Set<string>(), onProgress } = options;
  const wanted = options.depth ?? 'auto';
  const depth = wanted === 'auto' ? (isVerified(bank, snapshot) ? 'stored' : 'pages') : wanted;
  const { config } = snapshot.manifest;
  const maps = pageMapLayers(snapshot.manifest);
  const packs = packLayers(snapshot.manifest);
  const meter = new ProgressMeter('verify', sumSizes([config, ...maps, ...packs]), onProgress);
  decodingBlob(snapshot.reference, config.digest, () => hashBlob(bank, config, meter));
  for (const [number, layer] of maps.entries()) {
    decodingBlob(snapshot.reference, layer.digest, () => hashBlob(bank, layer, meter));
    const map = new PageMap(bank, snapshot, number);
    for (let frame = 0; frame < map.frames; frame += 1) await map.read(frame);
    if (map.frames === 0) decodingBlob(snapshot.reference, layer.digest, refuseEmpty);
  }
  const cache = new PackCache(bank, snapshot);
  for (const [number, layer] of packs.entries()) {
    if (done.has(layer.digest)) meter.add(layer.size);
    else await verifyPack(bank, snapshot, cache, number, layer, depth, meter);
    done.add(layer.digest);
  }
  meter.finish();
  if (depth === 'pages' && bank.writable && !isVerified(bank, snapshot)) markVerified(bank, snapshot);
  return depth;
}

async function verifyPack(
  bank: Bank,
  snapshot: Snapshot,
  cache: PackCache,
  number: number,
  layer: Descriptor,
  depth: 'stored' | 'pages',
  meter: ProgressMeter,
): Promise<void> {
  await decodingBlobLater(snapshot.reference, layer.digest, async () => {
    checkSize(bank, layer);
    if (depth === 'pages') hashBlob(bank, layer, meter);
    const pack = cache.get(number);
    for (let frame = 0; frame < pack.frames; frame += 1) {
      if (depth === 'stored') {
        pack.readStored(frame);
        meter.add(pack.frame(frame).storedBytes);
      } else {
        const pages = await pack.read(frame);
        checkPages(bank, pages, pack.extra.subarray(pack.frame(frame).firstItem * DIGEST_BYTES));
      }
    }
  });
}

function checkPages(bank: Bank, pages: Uint8Array, digests: Uint8Array): void {
  const digest = pageDigester(bank.seal);
  for (let page = 0; page * PAGE_BYTES < pages.length; page += 1) {
    const found = digest(pages.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES));
    if (!found.equals(digests.subarray(page * DIGEST_BYTES, (page + 1) * DIGEST_BYTES))) {
      throw new RangeError('a page has not the digest that the pack says');
    }
  }
}

/** Compares the SHA-256 of a blob of any size. */
function hashBlob(bank: Bank, layer: Descriptor, meter: ProgressMeter): void {
  checkSize(bank, layer);
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(Math.min(MIB, layer.size));
  for (let offset = 0; offset < layer.size; ) {
    const read = bank.storage.readAt(blobPath(layer.digest), offset, buffer);
    const bytes = buffer.subarray(0, Math.min(read, layer.size - offset));
    if (bytes.length === 0) throw new RangeError('it is cut short');
    hash.update(bytes);
    offset += bytes.length;
    meter.add(bytes.length);
  }
  if (`sha256:${hash.digest('hex')}` !== layer.digest) throw new RangeError('its content has changed');
}

function checkSize(bank: Bank, layer: Descriptor): void {
  const size = bank.storage.size(blobPath(layer.digest));
  if (size === null) throw new RangeError('it is missing');
  if (size !== layer.size) throw new RangeError(`it has ${size} bytes instead of ${layer.size}`);
}

function refuseEmpty(): never {
  throw new RangeError('it says nothing of its region');
}

function sumSizes(layers: readonly Descriptor[]): number {
  return layers.reduce((sum, layer) => sum + layer.size, 0);
}
