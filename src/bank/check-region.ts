import { type OnProgress, ProgressMeter } from '../base/progress.ts';
import { PAGE_BYTES } from '../base/units.ts';
import type { Bank } from './bank.ts';
import { PackCache } from './pack-cache.ts';
import { matchRegions, totalBytes } from './place.ts';
import { type RegionTarget, regionKey } from './region.ts';
import type { Difference, Snapshot } from './snapshot.ts';
import { type RegionVisitor, walkRegions } from './walk-regions.ts';

const CHUNK_PAGES = 256;
/** So many are told; a target that has nothing of the snapshot differs everywhere. */
const MAX_DIFFERENCES = 10_000;
const ZEROS = Buffer.alloc(CHUNK_PAGES * PAGE_BYTES);

/**
 * Reads the targets back and compares every page with the snapshot; free pages may be anything.
 * Returns the ranges that differ, ascending in each region, the first 10,000. Throws E_BANK_DAMAGED.
 */
export async function checkRegion(
  bank: Bank,
  snapshot: Snapshot,
  targets: readonly RegionTarget[],
  onProgress?: OnProgress,
): Promise<Difference[]> {
  const regions = matchRegions(snapshot, targets);
  const packs = new PackCache(bank, snapshot);
  const meter = new ProgressMeter('check', totalBytes(regions), onProgress);
  const buffer = Buffer.allocUnsafe(CHUNK_PAGES * PAGE_BYTES);
  const differing = targets.map((): number[] => []);
  const walks = targets.map((target, number) => {
    const compare = (firstPage: number, expected: Uint8Array): void => {
      const found = buffer.subarray(0, expected.length);
      target.read(firstPage, found);
      meter.add(expected.length);
      if (found.equals(expected)) return;
      const pages = differing[number]!;
      for (let at = 0; at < expected.length; at += PAGE_BYTES) {
        const same = found.compare(expected, at, at + PAGE_BYTES, at, at + PAGE_BYTES) === 0;
        if (!same && pages.length < MAX_DIFFERENCES) pages.push(firstPage + at / PAGE_BYTES);
      }
    };
    const visitor: RegionVisitor = {
      stored: compare,
      zero(firstPage, count) {
        for (let done = 0; done < count; done += CHUNK_PAGES) {
          const pagesHere = Math.min(CHUNK_PAGES, count - done);
          compare(firstPage + done, ZEROS.subarray(0, pagesHere * PAGE_BYTES));
        }
      },
      free: (_firstPage, count) => meter.add(count * PAGE_BYTES),
    };
    return { region: regions[number]!, visitor };
  });
  await walkRegions(bank, snapshot, walks, packs);
  meter.finish();
  return targets
    .flatMap((target, number) => asRanges(regionKey(target.region), differing[number]!))
    .slice(0, MAX_DIFFERENCES);
}

function asRanges(region: string, pages: readonly number[]): Difference[] {
  const ranges: { region: string; start: number; end: number }[] = [];
  for (const page of pages.toSorted((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last?.end === page) last.end = page + 1;
    else ranges.push({ region, start: page, end: page + 1 });
  }
  return ranges;
}
