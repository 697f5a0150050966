import { PAGE_BYTES } from '../../base/units.ts';
import type { SnapshotDevice } from '../../sys/image-sys.ts';
import { startXxh64 } from '../../sys/xxh64.ts';
import { encodeImageHeader } from './image-header.ts';
import { notUnderstood } from './image-stream.ts';
import type { Dialect } from './pfn-list.ts';
import { LIST_BYTES, PlainList } from './plain-list.ts';
import { readAhead } from './read-ahead.ts';
import { checkSection, readStagedHeader, visitSection } from './section-reader.ts';
import type { StagingArea } from './staging-area.ts';
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
  const write = dialect === 'plain' ? writePlain : writeWhole;
  checkSection(area, image, write(snapshot, area, image, buffer));
}

/** As it lies there. Returns the checksum of the section. */
function writeWhole(snapshot: SnapshotDevice, area: StagingArea, image: Section, buffer: Uint8Array): bigint {
  const { firstDataPage } = readStagedHeader(area, image);
  return visitSection(area, image, buffer, (bytes, page) => writeFrom(snapshot, bytes, page, firstDataPage));
}

/**
 * Marked zeros become pages among the data. The list is read three times: a list may be large, and the header, which
 * comes first, says how many pages of data there are. Returns the checksum of the section.
 */
function writePlain(snapshot: SnapshotDevice, area: StagingArea, image: Section, buffer: Uint8Array): bigint {
  const { kernel, firstDataPage } = readStagedHeader(area, image);
  const listPages = firstDataPage - 1;
  const storedPages = image.dataPages - firstDataPage;
  const checksum = startXxh64();
  const header = buffer.subarray(0, PAGE_BYTES);
  area.read(image.firstPage, header);
  checksum.update(header);

  const list = new PlainList(area, image.firstPage + 1, listPages, buffer.subarray(0, LIST_BYTES));
  let [entries, zeros] = [0, 0];
  for (const piece of list.read(checksum)) {
    entries += piece.isZero.length;
    zeros += piece.zeros;
  }
  if (entries - zeros !== storedPages) {
    const what = `its list names ${entries - zeros} pages of data and there are ${storedPages}`;
    throw notUnderstood(new RangeError(what));
  }
  snapshot.write(encodeImageHeader(kernel, { listPages, storedPages: entries }));
  for (const { pages } of list.read()) {
    for (let at = 0; at < pages.length; at += PAGE_BYTES) snapshot.write(pages.subarray(at, at + PAGE_BYTES));
  }

  const write = dataWriter(snapshot);
  const pieces = list.split();
  readAhead(area, image.firstPage + firstDataPage, storedPages, buffer.subarray(LIST_BYTES), (bytes) => {
    checksum.update(bytes);
    for (let done = 0; done < bytes.length; ) {
      const { isZero, stored } = pieces.next((bytes.length - done) / PAGE_BYTES);
      if (isZero.length === 0) throw notUnderstood(new RangeError('its list has changed'));
      write(bytes.subarray(done, done + stored * PAGE_BYTES), isZero);
      done += stored * PAGE_BYTES;
    }
  });
  // Zeros behind all that is stored.
  for (let left = pieces.next(0); left.isZero.length > 0; left = pieces.next(0))
    write(buffer.subarray(0, 0), left.isZero);
  return checksum.digest();
}

/** With the first page of the data the kernel says what it thinks of the list: that one is written alone. */
function dataWriter(snapshot: SnapshotDevice): (bytes: Uint8Array, isZero: Uint8Array) => void {
  let isFirst = true;
  return (bytes, isZero) => {
    if (!isFirst) return snapshot.writeData(bytes, isZero);
    isFirst = false;
    const stored = isZero[0] === 0 ? PAGE_BYTES : 0;
    snapshot.write(stored > 0 ? bytes.subarray(0, stored) : new Uint8Array(PAGE_BYTES));
    if (isZero.length > 1) snapshot.writeData(bytes.subarray(stored), isZero.subarray(1));
  };
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
