import type { Bank } from '../../bank/bank.ts';
import type { RegionSource } from '../../bank/region.ts';
import type { Saved } from '../../bank/snapshot.ts';
import { TorporError } from '../../base/errors.ts';
import type { OnProgress } from '../../base/progress.ts';
import { alignUp, PAGE_BYTES, physAddr } from '../../base/units.ts';
import { readStagedImage, readStagedIndex } from '../../engine/image/section-reader.ts';
import type { StagingArea } from '../../engine/image/staging-area.ts';
import type { Section, StagingHeader } from '../../engine/image/staging-layout.ts';
import { diskRegion } from '../disk-region.ts';
import { describeImage, parseImageFacts } from './image-facts.ts';
import { stagedSource } from './staged-region.ts';

/**
 * Puts what was staged into the bank and empties the area. Until the bank has the whole snapshot the area
 * keeps it: after a power cut the next command does it. Throws what Bank.save throws, E_STAGING,
 * E_IMAGE_STREAM.
 */
export async function drainStaging(
  bank: Bank,
  area: StagingArea,
  header: StagingHeader,
  pausedMs: number | null,
  onProgress?: OnProgress,
): Promise<Saved> {
  const image = header.sections.find(({ kind }) => kind === 'image');
  const told = header.sections.find(({ kind }) => kind === 'facts');
  if (image === undefined || told === undefined) {
    throw new TorporError('E_STAGING', 'what was staged is no whole image', {
      hint: 'take the snapshot again',
    });
  }
  const text = new Uint8Array(alignUp(told.sizeBytes, PAGE_BYTES));
  area.readAny(told.firstPage, text);
  const facts = parseImageFacts(Buffer.from(text.subarray(0, told.sizeBytes)).toString('utf8'));
  const stream = readStagedImage(area, image);
  const memory = { kind: 'memory', name: 'memory', start: physAddr(0), pages: stream.runs.end } as const;
  const disks = Map.groupBy(
    header.sections.filter(({ kind }) => kind === 'disk'),
    ({ name }) => name,
  );
  const sources: RegionSource[] = [
    stagedSource(area, memory, [{ runs: stream.runs, firstPage: image.firstPage + stream.firstDataPage }]),
    ...[...disks.values()].map((sections) => stagedDisk(area, sections)),
  ];
  const about = [...disks].map(([name, sections]) => ({ name, sizeBytes: sections[0]!.sizeBytes }));
  const description = describeImage(facts, stream, about, pausedMs);
  const saved = await bank.save({
    description,
    sources,
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  area.discard();
  return saved;
}

/** All that was staged of one disk, in the order of its making. */
function stagedDisk(area: StagingArea, sections: readonly Section[]): RegionSource {
  const [first, ...later] = sections.map((section) => ({
    runs: readStagedIndex(area, section),
    firstPage: section.firstPage,
  }));
  const { name, sizeBytes } = sections[0]!;
  return stagedSource(area, diskRegion(name, sizeBytes), [first!, ...later]);
}
