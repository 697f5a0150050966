import { TorporError } from '../base/errors.ts';
import { type OnProgress, ProgressMeter } from '../base/progress.ts';
import { PAGE_BYTES } from '../base/units.ts';
import type { Bank } from './bank.ts';
import { decodingBlobLater } from './damage.ts';
import { PackCache } from './pack-cache.ts';
import { DIGEST_BYTES, pageDigester } from './pack-reader.ts';
import { PageMap } from './page-map-reader.ts';
import type { Snapshot } from './snapshot.ts';

/** How much of a snapshot was looked at. */
export interface Sampled {
  readonly pages: number;
  readonly allPages: number;
}

/**
 * Verifies a sample: manifest, description and page maps whole, and of the packs so many percent of the
 * frames (at least one of each pack), whose pages are compared with their digests. Throws E_BANK_DAMAGED,
 * E_USAGE.
 */
export async function verifySample(
  bank: Bank,
  snapshot: Snapshot,
  percent: number,
  options: { readonly random?: () => number; readonly onProgress?: OnProgress } = {},
): Promise<Sampled> {
  if (!(percent > 0 && percent <= 100)) {
    throw new TorporError('E_USAGE', `${percent} is no percentage of a sample`, {
      hint: 'give one above 0, up to 100',
    });
  }
  const { random = Math.random, onProgress } = options;
  const { packs, regions } = snapshot.description;
  for (const number of regions.keys()) {
    const map = new PageMap(bank, snapshot, number);
    for (let frame = 0; frame < map.frames; frame += 1) await map.read(frame);
  }
  const cache = new PackCache(bank, snapshot);
  const allPages = packs.reduce((sum, pack) => sum + pack.pages, 0);
  const meter = new ProgressMeter('verify', (allPages * PAGE_BYTES * percent) / 100, onProgress);
  let pages = 0;
  for (const [number, { digest }] of packs.entries()) {
    const { frames } = cache.get(number);
    const certain = Math.floor(random() * frames);
    for (let frame = 0; frame < frames; frame += 1) {
      if (frame !== certain && random() * 100 >= percent) continue;
      const checked = await decodingBlobLater(snapshot.reference, digest, () =>
        checkFrame(bank, cache, number, frame),
      );
      pages += checked;
      meter.add(checked * PAGE_BYTES);
    }
  }
  meter.finish();
  return { pages, allPages };
}

async function checkFrame(bank: Bank, cache: PackCache, number: number, frame: number): Promise<number> {
  const pack = cache.get(number);
  const bytes = await pack.read(frame);
  const { firstItem, items } = pack.frame(frame);
  const digestOf = pageDigester(bank.seal);
  for (let page = 0; page < items; page += 1) {
    const at = (firstItem + page) * DIGEST_BYTES;
    const found = digestOf(bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES));
    if (!found.equals(pack.extra.subarray(at, at + DIGEST_BYTES))) {
      throw new RangeError(`page ${firstItem + page} has not the digest that the pack says`);
    }
  }
  return items;
}
