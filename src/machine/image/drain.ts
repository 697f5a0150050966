import type { Bank } from '../../bank/bank.ts';
import type { RegionSource } from '../../bank/region.ts';
import type { Saved } from '../../bank/snapshot.ts';
import { TorporError } from '../../base/errors.ts';
import type { OnProgress } from '../../base/progress.ts';
import { alignUp, PAGE_BYTES, physAddr } from '../../base/units.ts';
import { readStagedImage, readStagedIndex } from '../../engine/image/section-reader.ts';
import type { StagingArea } from '../../engine/image/staging-area.ts';
import type { StagingHeader } from '../../engine/image/staging-layout.ts';
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
  const about = header.sections.find(({ kind }) => kind === 'facts');
  if (image === undefined || about === undefined) {
    throw new TorporError('E_STAGING', 'what was staged is no whole image', {
      hint: 'take the snapshot again',
    });
  }
  const text = new Uint8Array(alignUp(about.sizeBytes, PAGE_BYTES));
  area.readAny(about.firstPage, text);
  const facts = parseImageFacts(Buffer.from(text.subarray(0, about.sizeBytes)).toString('utf8'));
  const stream = readStagedImage(area, image);
  const memory = { kind: 'memory', name: 'memory', start: physAddr(0), pages: stream.runs.end } as const;
  const disks = header.sections.filter(({ kind }) => kind === 'disk');
  const sources: RegionSource[] = [
    stagedSource(area, memory, stream.runs, image.firstPage + stream.firstDataPage),
    ...disks.map((section) =>
      stagedSource(
        area,
        diskRegion(section.name, section.sizeBytes),
        readStagedIndex(area, section),
        section.firstPage,
      ),
    ),
  ];
  const description = describeImage(facts, stream, disks, pausedMs);
  const saved = await bank.save({
    description,
    sources,
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  area.discard();
  return saved;
}
