import { crc32 } from 'node:zlib';
import { PAGE_BYTES } from '../../base/units.ts';
import type { SnapshotDevice } from '../../sys/image-sys.ts';
import { planStreamHead } from './image-stream.ts';
import type { Dialect } from './pfn-list.ts';
import { checkSection, readStagedImage, visitSection } from './section-reader.ts';
import { CHUNK_BYTES, CHUNK_PAGES, type StagingArea } from './staging-area.ts';
import type { Section } from './staging-layout.ts';

const ZEROS = new Uint8Array(PAGE_BYTES);

/**
 * Hands a stream to the kernel, which refuses it at its second page when it is not for this machine.
 * `dialect` is what the kernel reads; null: the stream was laid out for it. Throws E_STAGING, E_IMAGE_STREAM, E_SYSCALL.
 */
export function loadImage(
  snapshot: SnapshotDevice,
  area: StagingArea,
  image: Section,
  buffer: Uint8Array,
  dialect: Dialect | null,
): void {
  const stream = dialect === 'plain' ? readStagedImage(area, image) : null;
  const crc =
    stream === null || stream.runs.zeros === 0
      ? visitSection(area, image, buffer, (bytes) => writePages(snapshot, bytes))
      : writePlain(snapshot, area, image, buffer, stream);
  checkSection(area, image, crc);
}

/** Marked zeros become pages among the data. Returns the checksum of the section. */
function writePlain(
  snapshot: SnapshotDevice,
  area: StagingArea,
  image: Section,
  buffer: Uint8Array,
  { kernel, runs, firstDataPage }: ReturnType<typeof readStagedImage>,
): number {
  let crc = visitSection(area, { ...image, dataPages: firstDataPage, indexPages: 0 }, buffer);
  const head = planStreamHead(kernel, runs, 'plain');
  snapshot.write(head.header);
  for (const page of head.list()) snapshot.write(page);
  for (const { count, isZero, firstStored } of runs) {
    for (let done = 0; done < count; done += isZero ? 1 : CHUNK_PAGES) {
      if (isZero) {
        snapshot.write(ZEROS);
        continue;
      }
      const bytes = buffer.subarray(0, Math.min(CHUNK_BYTES, (count - done) * PAGE_BYTES));
      area.read(image.firstPage + firstDataPage + firstStored + done, bytes);
      crc = crc32(bytes, crc);
      writePages(snapshot, bytes);
    }
  }
  return crc;
}

/** One page at a time is all that the kernel takes. */
function writePages(snapshot: SnapshotDevice, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += PAGE_BYTES) snapshot.write(bytes.subarray(at, at + PAGE_BYTES));
}
