import { type OnProgress, ProgressMeter } from '../base/progress.ts';
import { PAGE_BYTES } from '../base/units.ts';
import type { Bank } from './bank.ts';
import { PackCache } from './pack-cache.ts';
import { type Region, type RegionTarget, regionKey } from './region.ts';
import type { Snapshot } from './snapshot.ts';
import { walkRegions } from './walk-regions.ts';

/**
 * Writes every page of the targets' regions, then flushes them. Verify the snapshot before
 * (`verifySnapshot`), and write down what is about to happen (`beginRestore`): when this fails, the
 * targets are neither what they were nor what they should be. Throws E_BANK_DAMAGED, and what the
 * targets throw.
 */
export async function placeSnapshot(
  bank: Bank,
  snapshot: Snapshot,
  targets: readonly RegionTarget[],
  onProgress?: OnProgress,
): Promise<void> {
  const regions = matchRegions(snapshot, targets);
  const packs = new PackCache(bank, snapshot);
  const meter = new ProgressMeter('place', totalBytes(regions), onProgress);
  const walks = targets.map((target, number) => ({
    region: regions[number]!,
    visitor: {
      stored(firstPage: number, bytes: Uint8Array): void {
        target.write(firstPage, bytes);
        meter.add(bytes.length);
      },
      zero(firstPage: number, count: number): void {
        target.zero(firstPage, count);
        meter.add(count * PAGE_BYTES);
      },
      free(firstPage: number, count: number): void {
        target.free(firstPage, count);
        meter.add(count * PAGE_BYTES);
      },
    },
  }));
  await walkRegions(bank, snapshot, walks, packs);
  for (const target of targets) target.flush();
  meter.finish();
}

/** The snapshot's region of each target; all is refused before anything is written. */
export function matchRegions(snapshot: Snapshot, targets: readonly RegionTarget[]): Region[] {
  return targets.map((target) => {
    const key = regionKey(target.region);
    const region = snapshot.description.regions.find((other) => regionKey(other) === key);
    if (region === undefined) throw new Error(`${snapshot.reference} has no region ${key}`);
    if (target.region.pages !== region.pages) {
      throw new Error(`the target ${key} has ${target.region.pages} pages instead of ${region.pages}`);
    }
    return region;
  });
}

export function totalBytes(regions: readonly Region[]): number {
  return regions.reduce((sum, region) => sum + region.pages, 0) * PAGE_BYTES;
}
