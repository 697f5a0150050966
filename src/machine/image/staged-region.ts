import type { Region, RegionSource } from '../../bank/region.ts';
import { type StagedLayer, StagedPages } from '../../engine/image/staged-pages.ts';
import type { StagingArea } from '../../engine/image/staging-area.ts';

/** A region in a staging area, as the bank reads it. */
export function stagedSource(
  area: StagingArea,
  region: Region,
  layers: readonly [StagedLayer, ...StagedLayer[]],
): RegionSource {
  const pages = new StagedPages(area, layers);
  return {
    region,
    used: { [Symbol.iterator]: () => pages.ranges() },
    read: (start, into) => pages.read(start, into),
  };
}
