import { PAGE_BYTES } from '../../base/units.ts';
import type { SnapshotDevice } from '../../sys/image-sys.ts';
import { startXxh64 } from '../../sys/xxh64.ts';
import { type ImageStream, planStreamHead } from './image-stream.ts';
import type { Dialect } from './pfn-list.ts';
import { checkSection, readStagedHeader, readStagedImage, visitSection } from './section-reader.ts';
import { CHUNK_BYTES, CHUNK_PAGES, type StagingArea } from './staging-area.ts';
import type { Section } from './staging-layout.ts';

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
  const checksum =
    stream === null || stream.runs.zeros === 0
      ? writeWhole(snapshot, area, image, buffer)
      : writePlain(snapshot, area, image, buffer, stream);
  checkSection(area, image, checksum);
}

/** As it lies there. Returns the checksum of the section. */
function writeWhole(snapshot: SnapshotDevice, area: StagingArea, image: Section, buffer: Uint8Array): bigint {
  const { firstDataPage } = readStagedHeader(area, image);
  return visitSection(area, image, buffer, (bytes, page) => writeFrom(snapshot, bytes, page, firstDataPage));
}

/** Marked zeros become pages among the data. Returns the checksum of the section. */
function writePlain(
  snapshot: SnapshotDevice,
  area: StagingArea,
  image: Section,
  buffer: Uint8Array,
  { kernel, runs, firstDataPage }: ImageStream,
): bigint {
  const checksum = startXxh64();
  const listed = { ...image, dataPages: firstDataPage, indexPages: 0 };
  visitSection(area, listed, buffer, () => {}, checksum);
  const head = planStreamHead(kernel, runs, 'plain');
  snapshot.write(head.header);
  for (const page of head.list()) snapshot.write(page);
  const stored = buffer.subarray(0, CHUNK_BYTES / 2);
  const whole = buffer.subarray(CHUNK_BYTES / 2);
  let [read, used, filled, written] = [0, 0, 0, 0];
  const refill = (): void => {
    const bytes = stored.subarray(0, Math.min(CHUNK_PAGES / 2, runs.stored - read) * PAGE_BYTES);
    area.read(image.firstPage + firstDataPage + read, bytes);
    checksum.update(bytes);
    read += bytes.length / PAGE_BYTES;
    used = 0;
  };
  const flush = (): void => {
    writeFrom(snapshot, whole.subarray(0, filled), written, 0);
    written += filled / PAGE_BYTES;
    filled = 0;
  };
  for (const { count, isZero, firstStored } of runs) {
    for (let done = 0, length: number; done < count; done += length / PAGE_BYTES) {
      length = Math.min((count - done) * PAGE_BYTES, whole.length - filled);
      if (isZero) whole.fill(0, filled, filled + length);
      else {
        if (firstStored + done === read) refill();
        length = Math.min(length, (read - firstStored - done) * PAGE_BYTES);
        whole.set(stored.subarray(used, used + length), filled);
        used += length;
      }
      filled += length;
      if (filled === whole.length) flush();
    }
  }
  flush();
  return checksum.digest();
}

/**
 * Pages of a stream from `page` on. Header and list are written one by one, and so is the first page of the data,
 * with which the kernel says what it thinks of the list.
 */
function writeFrom(snapshot: SnapshotDevice, bytes: Uint8Array, page: number, firstDataPage: number): void {
  const single = Math.min(Math.max(0, firstDataPage + 1 - page) * PAGE_BYTES, bytes.length);
  for (let at = 0; at < single; at += PAGE_BYTES) snapshot.write(bytes.subarray(at, at + PAGE_BYTES));
  if (single < bytes.length) snapshot.writeData(bytes.subarray(single));
}
