import type { PageRange, Region, RegionSource } from '../../bank/region.ts';
import { PAGE_BYTES } from '../../base/units.ts';
import type { PageRun, PageRuns } from '../../engine/image/page-runs.ts';
import type { StagingArea } from '../../engine/image/staging-area.ts';

/** Pages of a region that are in a staging area, the first stored one at `firstPage` of it. */
export function stagedSource(
  area: StagingArea,
  region: Region,
  runs: PageRuns,
  firstPage: number,
): RegionSource {
  let scratch = new Uint8Array(0);
  return {
    region,
    used: { [Symbol.iterator]: () => usedRanges(runs) },
    read(start, into) {
      const end = start + into.length / PAGE_BYTES;
      const pieces: PageRun[] = [];
      for (let page = start; page < end; ) {
        const run = runs.find(page);
        if (run === null) throw new RangeError(`page ${page} is not staged`);
        const skip = page - run.start;
        const count = Math.min(run.count - skip, end - page);
        pieces.push({ start: page, count, isZero: run.isZero, firstStored: run.firstStored + skip });
        page += count;
      }
      // What is stored follows each other, whatever zeros are between: one read for all.
      const stored = pieces.filter(({ isZero }) => !isZero);
      const count = stored.reduce((sum, piece) => sum + piece.count, 0);
      if (scratch.length < count * PAGE_BYTES) scratch = new Uint8Array(into.length);
      const bytes = scratch.subarray(0, count * PAGE_BYTES);
      if (count > 0) area.readAny(firstPage + stored[0]!.firstStored, bytes);
      let done = 0;
      for (const piece of pieces) {
        const [at, length] = [(piece.start - start) * PAGE_BYTES, piece.count * PAGE_BYTES];
        if (piece.isZero) into.fill(0, at, at + length);
        else {
          into.set(bytes.subarray(done, done + length), at);
          done += length;
        }
      }
    },
  };
}

/** Runs without regard to what is zero: neighbours are one range. */
function* usedRanges(runs: PageRuns): Generator<PageRange, void, undefined> {
  let pending: PageRange | null = null;
  for (const { start, count } of runs) {
    if (pending !== null && pending.end === start) pending = { start: pending.start, end: start + count };
    else {
      if (pending !== null) yield pending;
      pending = { start, end: start + count };
    }
  }
  if (pending !== null) yield pending;
}
