import { TorporError } from '../../base/errors.ts';
import { PAGE_BYTES } from '../../base/units.ts';
import { startXxh64 } from '../../sys/xxh64.ts';
import { type ImageStream, readImageStream, readStreamHeader } from './image-stream.ts';
import { PageRuns } from './page-runs.ts';
import { readAhead } from './read-ahead.ts';
import type { StagingArea } from './staging-area.ts';
import { decodeIndexPage, type Section } from './staging-layout.ts';

/** Calls `action` with all of a section, piece by piece, in the buffer given; returns its checksum. */
export function visitSection(
  area: StagingArea,
  section: Section,
  buffer: Uint8Array,
  action: (bytes: Uint8Array, page: number) => void = () => {},
): bigint {
  const checksum = startXxh64();
  readAhead(area, section.firstPage, section.dataPages + section.indexPages, buffer, (bytes, page) => {
    checksum.update(bytes);
    action(bytes, page);
  });
  return checksum.digest();
}

/** Throws E_STAGING when a section is not what was written. */
export function checkSection(area: StagingArea, section: Section, checksum: bigint): void {
  if (checksum === section.checksum) return;
  throw new TorporError('E_STAGING', `what was staged on ${area.place.device} has changed`, {
    facts: { device: area.place.device, section: section.name || section.kind },
    hint: 'the disk does not keep what is written to it, or somebody else writes to it: test it, and repeat the command',
  });
}

/** What the header of an image section says; its list, a word for each page, is not read. Throws E_IMAGE_STREAM. */
export function readStagedHeader(area: StagingArea, section: Section): ReturnType<typeof readStreamHeader> {
  return readStreamHeader((first, into) => area.readAny(section.firstPage + first, into));
}

/** The stream of an image section. Throws E_IMAGE_STREAM. */
export function readStagedImage(area: StagingArea, section: Section): ImageStream {
  return readImageStream(section.dataPages, (first, into) => area.readAny(section.firstPage + first, into));
}

/** The index of a disk section. Throws E_STAGING. */
export function readStagedIndex(area: StagingArea, section: Section): PageRuns {
  const runs = new PageRuns();
  const page = new Uint8Array(PAGE_BYTES);
  try {
    for (let index = 0; index < section.indexPages; index += 1) {
      area.readAny(section.firstPage + section.dataPages + index, page);
      for (const { start, count, isZero } of decodeIndexPage(page)) runs.add(start, count, isZero);
    }
    if (runs.stored !== section.dataPages) throw new RangeError('its index does not fit its data');
    if (runs.end > Math.ceil(section.sizeBytes / PAGE_BYTES)) throw new RangeError('it leaves its disk');
    return runs;
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new TorporError(
      'E_STAGING',
      `what was staged of ${section.name} is not understood: ${cause.message}`,
      {
        facts: { device: area.place.device, section: section.name, what: cause.message },
        hint: 'take the snapshot again',
        cause,
      },
    );
  }
}
