import { PAGE_BYTES } from '../../base/units.ts';
import type { SnapshotDevice } from '../../sys/image-sys.ts';
import { startXxh64, type Xxh64 } from '../../sys/xxh64.ts';
import { encodeImageHeader } from './image-header.ts';
import { notUnderstood } from './image-stream.ts';
import { type Dialect, PFNS_PER_PAGE, takeZeroFlags } from './pfn-list.ts';
import { checkSection, readStagedHeader, visitSection } from './section-reader.ts';
import type { StagingArea } from './staging-area.ts';
import type { Section } from './staging-layout.ts';

/** Pages of a list that are read at a time, by {@link writePlain}. */
const LIST_PAGES = 16;

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
  const listed = buffer.subarray(0, LIST_PAGES * PAGE_BYTES);
  const stored = buffer.subarray(LIST_PAGES * PAGE_BYTES);
  const checksum = startXxh64();
  const header = listed.subarray(0, PAGE_BYTES);
  area.read(image.firstPage, header);
  checksum.update(header);

  const list = { area, firstPage: image.firstPage + 1, pages: listPages, buffer: listed };
  let [entries, zeros] = [0, 0];
  visitList({ ...list, checksum }, (_, isZero) => {
    entries += isZero.length;
    for (const zero of isZero) zeros += zero;
  });
  if (firstDataPage + entries - zeros !== image.dataPages) {
    const found = image.dataPages - firstDataPage;
    throw notUnderstood(
      new RangeError(`its list names ${entries - zeros} pages of data and there are ${found}`),
    );
  }
  snapshot.write(encodeImageHeader(kernel, { listPages, storedPages: entries }));
  visitList(list, (pages) => {
    for (let at = 0; at < pages.length; at += PAGE_BYTES) snapshot.write(pages.subarray(at, at + PAGE_BYTES));
  });

  let next = image.firstPage + firstDataPage;
  let isFirst = true;
  visitList(list, (_, isZero) => {
    for (let from = 0, to = 0; from < isZero.length; from = to) {
      const end = isFirst ? from + 1 : isZero.length;
      let count = 0;
      while (to < end && count < stored.length / PAGE_BYTES) count += 1 - isZero[to++]!;
      const bytes = stored.subarray(0, count * PAGE_BYTES);
      area.read(next, bytes);
      checksum.update(bytes);
      next += count;
      // With the first page of the data the kernel says what it thinks of the list.
      if (isFirst) snapshot.write(count === 1 ? bytes : new Uint8Array(PAGE_BYTES));
      else snapshot.writeData(bytes, isZero.subarray(from, to));
      isFirst = false;
    }
  });
  return checksum.digest();
}

/** Reads a list piece by piece; `action` gets its pages made plain, and a byte for each entry: 1 when it was marked. */
function visitList(
  list: {
    readonly area: StagingArea;
    readonly firstPage: number;
    readonly pages: number;
    readonly buffer: Uint8Array;
    readonly checksum?: Xxh64;
  },
  action: (pages: Uint8Array, isZero: Uint8Array) => void,
): void {
  const marked = new Uint8Array(LIST_PAGES * PFNS_PER_PAGE);
  for (let page = 0; page < list.pages; page += LIST_PAGES) {
    const part = list.buffer.subarray(0, Math.min(LIST_PAGES, list.pages - page) * PAGE_BYTES);
    list.area.read(list.firstPage + page, part);
    list.checksum?.update(part);
    action(part, marked.subarray(0, takeZeroFlags(part, marked)));
  }
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
