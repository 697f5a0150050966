import { PAGE_BYTES } from '../../base/units.ts';
import type { SnapshotDevice } from '../../sys/image-sys.ts';
import { startXxh64, type Xxh64 } from '../../sys/xxh64.ts';
import { encodeImageHeader } from './image-header.ts';
import { notUnderstood } from './image-stream.ts';
import type { Dialect } from './pfn-list.ts';
import { LIST_BYTES, PlainList } from './plain-list.ts';
import { readAhead } from './read-ahead.ts';
import { checkSection, readStagedHeader } from './section-reader.ts';
import type { StagingArea } from './staging-area.ts';
import type { Section } from './staging-layout.ts';

/**
 * Hands a stream to the kernel, which refuses it at its second page when it is not for this machine.
 * `dialect` is what the kernel reads; null: the stream was laid out for it. What was verified before is not compared
 * with its checksum once more. Throws E_STAGING, E_IMAGE_STREAM, E_SYSCALL.
 */
export function loadImage(
  snapshot: SnapshotDevice,
  area: StagingArea,
  image: Section,
  buffer: Uint8Array,
  { dialect, isVerified }: { readonly dialect: Dialect | null; readonly isVerified: boolean },
): void {
  const write = dialect === 'plain' ? writePlain : writeWhole;
  const checksum = isVerified ? null : startXxh64();
  write({ snapshot, area, image, buffer, checksum });
  if (checksum !== null) checkSection(area, image, checksum.digest());
}

interface Load {
  readonly snapshot: SnapshotDevice;
  readonly area: StagingArea;
  readonly image: Section;
  readonly buffer: Uint8Array;
  /** Gets all of the section; null when nobody asks for it. */
  readonly checksum: Xxh64 | null;
}

/** As it lies there. */
function writeWhole({ snapshot, area, image, buffer, checksum }: Load): void {
  const { firstDataPage } = readStagedHeader(area, image);
  readAhead(area, image.firstPage, image.dataPages, buffer, (bytes, page) => {
    checksum?.update(bytes);
    writeFrom(snapshot, bytes, page, firstDataPage);
  });
}

/**
 * Marked zeros become pages among the data. The list is read three times: a list may be large, and the header, which
 * comes first, says how many pages of data there are.
 */
function writePlain({ snapshot, area, image, buffer, checksum }: Load): void {
  const { kernel, firstDataPage } = readStagedHeader(area, image);
  const listPages = firstDataPage - 1;
  const storedPages = image.dataPages - firstDataPage;
  const header = buffer.subarray(0, PAGE_BYTES);
  area.read(image.firstPage, header);
  checksum?.update(header);

  const list = new PlainList(area, image.firstPage + 1, listPages, buffer.subarray(0, LIST_BYTES));
  const entries = countEntries(list, storedPages, checksum);
  snapshot.write(encodeImageHeader(kernel, { listPages, storedPages: entries }));
  for (const { pages } of list.read()) writeSingly(snapshot, pages);

  const data = new DataWriter(snapshot);
  const runs = list.runs();
  /** Pages up to the next zeros. */
  let left = 0;
  readAhead(area, image.firstPage + firstDataPage, storedPages, buffer.subarray(LIST_BYTES), (bytes) => {
    checksum?.update(bytes);
    for (let done = 0; done < bytes.length; ) {
      while (left === 0) {
        const { value } = runs.next();
        if (value === undefined) throw notUnderstood(new RangeError('its list has changed'));
        data.writeZeros(value.zeros);
        left = value.stored;
      }
      const pages = Math.min(left, (bytes.length - done) / PAGE_BYTES);
      data.write(bytes.subarray(done, done + pages * PAGE_BYTES));
      left -= pages;
      done += pages * PAGE_BYTES;
    }
  });
  // Behind all that is stored.
  for (const { zeros } of runs) data.writeZeros(zeros);
}

/** Of the whole list, which `checksum` gets. Throws E_IMAGE_STREAM when it does not fit so many pages. */
function countEntries(list: PlainList, storedPages: number, checksum: Xxh64 | null): number {
  let [entries, zeros] = [0, 0];
  for (const piece of list.read(checksum)) {
    entries += piece.isZero.length;
    zeros += piece.zeros;
  }
  if (entries - zeros === storedPages) return entries;
  const what = `its list names ${entries - zeros} pages of data and there are ${storedPages}`;
  throw notUnderstood(new RangeError(what));
}

/** With the first page of the data the kernel says what it thinks of the list: that one is written alone. */
class DataWriter {
  readonly #snapshot: SnapshotDevice;
  #isAccepted = false;

  constructor(snapshot: SnapshotDevice) {
    this.#snapshot = snapshot;
  }

  write(bytes: Uint8Array): void {
    const rest = this.#isAccepted ? bytes : bytes.subarray(PAGE_BYTES);
    if (!this.#isAccepted) this.#begin(bytes.subarray(0, PAGE_BYTES));
    this.#snapshot.writeData(rest);
  }

  writeZeros(pages: number): void {
    if (pages === 0) return;
    const rest = this.#isAccepted ? pages : pages - 1;
    if (!this.#isAccepted) this.#begin(new Uint8Array(PAGE_BYTES));
    this.#snapshot.writeZeros(rest);
  }

  #begin(page: Uint8Array): void {
    this.#snapshot.write(page);
    this.#isAccepted = true;
  }
}

/**
 * Pages of a stream from `page` on. Header and list are written one by one, and so is the first page of the data,
 * with which the kernel says what it thinks of the list.
 */
function writeFrom(snapshot: SnapshotDevice, bytes: Uint8Array, page: number, firstDataPage: number): void {
  const single = Math.min(Math.max(0, firstDataPage + 1 - page) * PAGE_BYTES, bytes.length);
  writeSingly(snapshot, bytes.subarray(0, single));
  if (single < bytes.length) snapshot.writeData(bytes.subarray(single));
}

function writeSingly(snapshot: SnapshotDevice, pages: Uint8Array): void {
  for (let at = 0; at < pages.length; at += PAGE_BYTES) snapshot.write(pages.subarray(at, at + PAGE_BYTES));
}
