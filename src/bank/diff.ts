import { type OnProgress, ProgressMeter } from '../base/progress.ts';
import { PAGE_BYTES } from '../base/units.ts';
import type { Bank } from './bank.ts';
import { PackCache } from './pack-cache.ts';
import { DIGEST_BYTES } from './pack-reader.ts';
import { openPageMap } from './page-map-reader.ts';
import { PAGE_STATE } from './page-run.ts';
import { type PageRange, type Region, regionKey } from './region.ts';
import { RunCursor } from './run-cursor.ts';
import type { Snapshot } from './snapshot.ts';

/** How one region of two snapshots differs. Zero pages and free pages are alike: both come back empty. */
export interface RegionDiff {
  /** `memory`, `low`, `disk:NAME` */
  readonly key: string;
  /** Null where a snapshot has no such region. */
  readonly before: Region | null;
  readonly after: Region | null;
  readonly samePages: number;
  /** Stored in both, with other content. */
  readonly changedPages: number;
  /** Empty before, stored after. */
  readonly filledPages: number;
  /** Stored before, empty after. */
  readonly emptiedPages: number;
  /** Where they are, in ascending order; neighbours are one range. */
  readonly ranges: readonly PageRange[];
  /** Of all, also those that `ranges` has no room for. */
  readonly rangeCount: number;
}

/**
 * Compares two snapshots of a bank by references and digests of pages: no page is read. At most
 * `maxRanges` ranges are kept for each region. Throws E_BANK_DAMAGED.
 */
export async function diffSnapshots(
  bank: Bank,
  before: Snapshot,
  after: Snapshot,
  options: { readonly maxRanges?: number; readonly onProgress?: OnProgress } = {},
): Promise<RegionDiff[]> {
  const { maxRanges = 1000, onProgress } = options;
  const regions = new Map<string, { before: Region | null; after: Region | null }>();
  for (const region of regionsOf(before)) regions.set(regionKey(region), { before: region, after: null });
  for (const region of regionsOf(after)) {
    const key = regionKey(region);
    regions.set(key, { before: regions.get(key)?.before ?? null, after: region });
  }
  const pagesOf = (pair: { before: Region | null; after: Region | null }): number =>
    Math.max(pair.before?.pages ?? 0, pair.after?.pages ?? 0);
  const total = regions.values().reduce((sum, pair) => sum + pagesOf(pair), 0);
  const meter = new ProgressMeter('compare', total * PAGE_BYTES, onProgress);
  const packs = [new PackCache(bank, before), new PackCache(bank, after)] as const;
  const diffs: RegionDiff[] = [];
  for (const [key, pair] of regions) {
    const found = new Findings(maxRanges);
    await diffRegion(bank, [before, after], key, pagesOf(pair), packs, found, meter);
    diffs.push({ key, ...pair, ...found.counts, ranges: found.ranges, rangeCount: found.rangeCount });
  }
  meter.finish();
  return diffs;
}

function regionsOf(snapshot: Snapshot): Region[] {
  return snapshot.description.regions as Region[];
}

async function diffRegion(
  bank: Bank,
  [before, after]: readonly [Snapshot, Snapshot],
  key: string,
  pages: number,
  [aPacks, bPacks]: readonly [PackCache, PackCache],
  found: Findings,
  meter: ProgressMeter,
): Promise<void> {
  const a = new RunCursor(openPageMap(bank, before, key));
  const b = new RunCursor(openPageMap(bank, after, key));
  for (let page = 0; page < pages; ) {
    await a.load();
    await b.load();
    const count = Math.min(a.left, b.left, pages - page);
    const [aStored, bStored] = [a.state === PAGE_STATE.stored, b.state === PAGE_STATE.stored];
    if (!aStored && !bStored) found.add('samePages', page, count);
    else if (!aStored) found.add('filledPages', page, count);
    else if (!bStored) found.add('emptiedPages', page, count);
    else {
      const [aPack, bPack] = [
        before.description.packs[a.pack]!.digest,
        after.description.packs[b.pack]!.digest,
      ];
      if (aPack === bPack && a.first === b.first) found.add('samePages', page, count);
      else {
        const [aDigests, bDigests] = [aPacks.get(a.pack).extra, bPacks.get(b.pack).extra];
        for (let at = 0; at < count; at += 1) {
          const [aAt, bAt] = [(a.first + at) * DIGEST_BYTES, (b.first + at) * DIGEST_BYTES];
          const same =
            Buffer.compare(
              aDigests.subarray(aAt, aAt + DIGEST_BYTES),
              bDigests.subarray(bAt, bAt + DIGEST_BYTES),
            ) === 0;
          found.add(same ? 'samePages' : 'changedPages', page + at, 1);
        }
      }
    }
    a.advance(count);
    b.advance(count);
    page += count;
    meter.add(count * PAGE_BYTES);
  }
}

/** Counts, and the ranges of what differs. */
class Findings {
  readonly counts = { samePages: 0, changedPages: 0, filledPages: 0, emptiedPages: 0 };
  readonly ranges: { start: number; end: number }[] = [];
  rangeCount = 0;
  readonly #maxRanges: number;
  #end = -1;

  constructor(maxRanges: number) {
    this.#maxRanges = maxRanges;
  }

  /** Pages in ascending order. */
  add(kind: keyof Findings['counts'], page: number, count: number): void {
    this.counts[kind] += count;
    if (kind === 'samePages') return;
    if (page !== this.#end) {
      this.rangeCount += 1;
      if (this.rangeCount <= this.#maxRanges) this.ranges.push({ start: page, end: page });
    }
    this.#end = page + count;
    if (this.rangeCount <= this.#maxRanges) this.ranges.at(-1)!.end = this.#end;
  }
}
