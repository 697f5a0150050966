import { TorporError } from '../../base/errors.ts';
import { formatSize, KIB, MIB, PAGE_BYTES } from '../../base/units.ts';
import type { BlockDevice, BlockDeviceMode } from '../../sys/block-device.ts';
import type { Extent, ImageSys } from '../../sys/image-sys.ts';
import {
  decodeStagingHeader,
  encodeStagingHeader,
  FIRST_SECTION_PAGE,
  MAX_EXTENTS,
  type StagingHeader,
} from './staging-layout.ts';

/** Where a staging area is: pieces of a block device that no filesystem writes to. */
export interface StagingPlace {
  readonly device: string;
  readonly extents: readonly Extent[];
}

/** Bytes that are moved at a time. */
export const CHUNK_BYTES = 2 * MIB;
export const CHUNK_PAGES = CHUNK_BYTES / PAGE_BYTES;
/** Of an area's own buffer, which little goes through. */
const OWN_BYTES = 256 * KIB;

/**
 * A staging area as a row of pages (docs/formats/staging.md). Works while everything is frozen: nothing
 * but reads and writes of a block device past the cache.
 */
export class StagingArea {
  readonly place: StagingPlace;
  readonly pages: number;
  readonly #device: BlockDevice;
  /** For headers, and for whoever has bytes that are not page-aligned. */
  readonly #own: Uint8Array;

  constructor(sys: ImageSys, place: StagingPlace, mode: BlockDeviceMode = 'write') {
    this.#device = sys.openDirect(place.device, mode);
    this.#own = sys.allocatePages(OWN_BYTES);
    this.place = place;
    this.pages = place.extents.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) / PAGE_BYTES;
    const isSound =
      Number.isInteger(this.pages) &&
      this.pages > FIRST_SECTION_PAGE &&
      place.extents.length <= MAX_EXTENTS &&
      place.extents.every(
        ({ start, sizeBytes }) =>
          start >= 0 && start % PAGE_BYTES === 0 && start + sizeBytes <= this.#device.sizeBytes,
      );
    if (isSound) return;
    this.#device.close();
    throw new TorporError('E_STAGING', `the staging area on ${place.device} is too small or too scattered`, {
      facts: { device: place.device, pages: this.pages, extents: place.extents.length },
      hint: 'name a partition of its own with --staging, or make room in the filesystem of the bank',
    });
  }

  close(): void {
    this.#device.close();
  }

  /** Bytes of whole pages, page-aligned memory. */
  read(firstPage: number, into: Uint8Array): void {
    this.#visit(firstPage, into, (offset, piece) => this.#device.read(offset, piece));
  }

  /** Bytes of whole pages, page-aligned memory. */
  write(firstPage: number, bytes: Uint8Array): void {
    this.#visit(firstPage, bytes, (offset, piece) => this.#device.write(offset, piece));
  }

  /** Begins to read; see BlockDevice.beginRead. */
  beginRead(firstPage: number, into: Uint8Array): () => void {
    return this.#begin(firstPage, into, (offset, piece) => this.#device.beginRead(offset, piece));
  }

  /** Begins to write; see BlockDevice.beginWrite. */
  beginWrite(firstPage: number, bytes: Uint8Array): () => void {
    return this.#begin(firstPage, bytes, (offset, piece) => this.#device.beginWrite(offset, piece));
  }

  /** The same for memory of any kind. */
  readAny(firstPage: number, into: Uint8Array): void {
    for (let done = 0; done < into.length; done += OWN_BYTES) {
      const piece = this.#own.subarray(0, Math.min(OWN_BYTES, into.length - done));
      this.read(firstPage + done / PAGE_BYTES, piece);
      into.set(piece, done);
    }
  }

  /** The same for memory of any kind. */
  writeAny(firstPage: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; done += OWN_BYTES) {
      const piece = this.#own.subarray(0, Math.min(OWN_BYTES, bytes.length - done));
      piece.set(bytes.subarray(done, done + piece.length));
      this.write(firstPage + done / PAGE_BYTES, piece);
    }
  }

  sync(): void {
    this.#device.sync();
  }

  /** Null when it holds nothing whole. Throws E_STAGING when it holds what this Torpor does not know. */
  readHeader(): StagingHeader | null {
    const pages = new Uint8Array(FIRST_SECTION_PAGE * PAGE_BYTES);
    this.readAny(0, pages);
    try {
      return decodeStagingHeader(pages);
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new TorporError('E_STAGING', `the staging area on ${this.place.device} is of another Torpor`, {
        facts: { device: this.place.device, what: cause.message },
        hint: 'finish or discard what is in it with the Torpor that wrote it',
        cause,
      });
    }
  }

  /** THE moment at which the area becomes whole: what it names must have been written. */
  writeHeader(header: Omit<StagingHeader, 'extents' | 'pages'>): void {
    const pages = encodeStagingHeader({ ...header, pages: this.pages, extents: this.place.extents });
    this.sync();
    // The table first: the header's checksum covers it.
    this.writeAny(1, pages.subarray(PAGE_BYTES));
    this.writeAny(0, pages.subarray(0, PAGE_BYTES));
    this.sync();
  }

  /** Notes that disks are about to be written. Only one sector of the header changes. */
  markBegun(header: StagingHeader): void {
    this.writeAny(0, encodeStagingHeader({ ...header, state: 'begun' }).subarray(0, PAGE_BYTES));
    this.sync();
  }

  /** Forgets what the kernel's cache has of the device. */
  dropCache(): void {
    this.#device.dropCache();
  }

  /** Nothing in it counts any more. */
  discard(): void {
    this.writeAny(0, new Uint8Array(PAGE_BYTES));
    this.sync();
  }

  /** Throws E_STAGING_FULL when so many pages from there on are not in the area. */
  requireRoom(firstPage: number, count: number): void {
    if (firstPage + count <= this.pages) return;
    const sizeBytes = this.pages * PAGE_BYTES;
    throw new TorporError(
      'E_STAGING_FULL',
      `the staging area of ${formatSize(sizeBytes)} is too small: at least ${formatSize((firstPage + count) * PAGE_BYTES)} are needed`,
      {
        facts: { device: this.place.device, sizeBytes, neededBytes: (firstPage + count) * PAGE_BYTES },
        hint: 'give it more with --staging-size, or name a larger partition with --staging',
      },
    );
  }

  #begin(
    firstPage: number,
    bytes: Uint8Array,
    action: (offset: number, piece: Uint8Array) => () => void,
  ): () => void {
    const ends: (() => void)[] = [];
    const finish = (): void => finishAll(ends);
    try {
      this.#visit(firstPage, bytes, (offset, piece) => void ends.push(action(offset, piece)));
    } catch (error) {
      finish();
      throw error;
    }
    return finish;
  }

  #visit(firstPage: number, bytes: Uint8Array, action: (offset: number, piece: Uint8Array) => void): void {
    this.requireRoom(firstPage, bytes.length / PAGE_BYTES);
    let [skip, done] = [firstPage * PAGE_BYTES, 0];
    for (const { start, sizeBytes } of this.place.extents) {
      if (done === bytes.length) return;
      if (skip >= sizeBytes) {
        skip -= sizeBytes;
        continue;
      }
      const length = Math.min(sizeBytes - skip, bytes.length - done);
      action(start + skip, bytes.subarray(done, done + length));
      done += length;
      skip = 0;
    }
  }
}

/** Waits for all transfers, whatever one of them comes to; then throws what the first one came to. */
function finishAll([end, ...rest]: readonly (() => void)[]): void {
  if (end === undefined) return;
  try {
    end();
  } finally {
    finishAll(rest);
  }
}
