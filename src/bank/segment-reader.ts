import { hash } from 'node:crypto';
import type { Storage } from '../sys/storage.ts';
import { xxh64 } from '../sys/xxh64.ts';
import { PACK_PAGES } from './description.ts';
import {
  BLOCK_BYTES,
  BLOCK_CHECKSUM_OFFSET,
  BLOCK_ENTRIES,
  ENTRY_BYTES,
  footerCrc,
  SEGMENT_FOOTER,
  SEGMENT_MAGIC,
  SEGMENT_VERSION,
} from './segment-layout.ts';

/** A segment up to this size is kept in memory. */
const MAX_CACHED_BYTES = 8 * 1024 * 1024;
const MAX_ENTRIES = 2 ** 36;
const MAX_PACKS = 2 ** 20;
/** So often a guess from the digest's value may be wrong before the rest is halved. */
const GUESSES = 4;

/** The packs and the number of entries of a finished segment. Throws RangeError. */
export function readSegmentPacks(storage: Storage, path: string): { entries: number; packs: string[] } {
  const size = storage.size(path) ?? 0;
  const footer = new Uint8Array(SEGMENT_FOOTER.sizeBytes);
  if (size < footer.length) throw new RangeError('it is cut short');
  if (storage.readAt(path, size - footer.length, footer) < footer.length)
    throw new RangeError('it is cut short');
  const values = SEGMENT_FOOTER.decode(footer);
  const entries = Number(values.entries);
  if (values.magic !== SEGMENT_MAGIC || values.crc !== footerCrc(footer))
    throw new RangeError('its footer has changed');
  if (values.version !== SEGMENT_VERSION) throw new RangeError(`it has version ${values.version}`);
  if (values.packs > MAX_PACKS || entries > MAX_ENTRIES) throw new RangeError('it is impossibly large');
  const packsOffset = Math.ceil(entries / BLOCK_ENTRIES) * BLOCK_BYTES;
  if (packsOffset + values.packs * 32 + footer.length !== size) throw new RangeError('it has another size');
  const packs = Buffer.alloc(values.packs * 32);
  if (storage.readAt(path, packsOffset, packs) < packs.length) throw new RangeError('it is cut short');
  if (!hash('sha256', packs, 'buffer').equals(values.packsSha256))
    throw new RangeError('its packs have changed');
  const digests = Array.from({ length: values.packs }, (_, index) => {
    return `sha256:${packs.toString('hex', index * 32, index * 32 + 32)}`;
  });
  return { entries, packs: digests };
}

/** Finds digests in the blocks of a segment, and reads them in order. */
export class SegmentReader {
  readonly entries: number;
  /** Where the digest that was found last is. */
  pack = 0;
  page = 0;
  readonly #storage: Storage;
  readonly #path: string;
  readonly #blocks: number;
  readonly #cached: Buffer | null;
  readonly #block: Buffer = Buffer.alloc(BLOCK_BYTES);
  /** Number of the block in #block. */
  #loaded = -1;
  #start = 0;

  /** Throws RangeError when it is small enough to be read at once and is not as it was written. */
  constructor(storage: Storage, path: string, entries: number) {
    this.#storage = storage;
    this.#path = path;
    this.entries = entries;
    this.#blocks = Math.ceil(entries / BLOCK_ENTRIES);
    this.#cached = null;
    if (this.#blocks * BLOCK_BYTES <= MAX_CACHED_BYTES) {
      const all = Buffer.allocUnsafe(this.#blocks * BLOCK_BYTES);
      if (storage.readAt(path, 0, all) < all.length) throw new RangeError('it is cut short');
      for (let start = 0; start < all.length; start += BLOCK_BYTES) checkBlock(all, start);
      this.#cached = all;
    }
  }

  /** Whether there is an entry for the digest; it is then in `pack` and `page`. Throws RangeError. */
  find(digest: Buffer): boolean {
    let [low, high] = [0, this.#blocks];
    const value = digest.readUIntBE(0, 6) / 2 ** 48;
    for (let step = 0; low < high; step += 1) {
      const guess = step < GUESSES ? Math.floor(value * this.#blocks) : (low + high) >>> 1;
      const block = Math.min(high - 1, Math.max(low, guess));
      const bytes = this.#load(block);
      const last = this.#entriesOf(block) - 1;
      if (compareAt(bytes, this.#start, digest) > 0) high = block;
      else if (compareAt(bytes, this.#start + last * ENTRY_BYTES, digest) < 0) low = block + 1;
      else return this.#findInBlock(bytes, last, digest);
    }
    return false;
  }

  /** Every entry in order, the same object each time; `offset` is that of its digest. Throws RangeError. */
  *read(): Generator<{ bytes: Buffer; offset: number; pack: number; page: number }> {
    const entry: { bytes: Buffer; offset: number; pack: number; page: number } = {
      bytes: this.#block,
      offset: 0,
      pack: 0,
      page: 0,
    };
    for (let block = 0; block < this.#blocks; block += 1) {
      entry.bytes = this.#load(block);
      const count = this.#entriesOf(block);
      for (let index = 0; index < count; index += 1) {
        entry.offset = this.#start + index * ENTRY_BYTES;
        entry.pack = entry.bytes.readUInt32LE(entry.offset + 32);
        entry.page = entry.bytes.readUInt32LE(entry.offset + 36);
        yield entry;
      }
    }
  }

  #findInBlock(bytes: Buffer, last: number, digest: Buffer): boolean {
    let [low, high] = [0, last];
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const offset = this.#start + middle * ENTRY_BYTES;
      const order = compareAt(bytes, offset, digest);
      if (order === 0) {
        this.pack = bytes.readUInt32LE(offset + 32);
        this.page = bytes.readUInt32LE(offset + 36);
        return this.pack < MAX_PACKS && this.page < PACK_PAGES;
      }
      if (order < 0) low = middle + 1;
      else high = middle - 1;
    }
    return false;
  }

  #entriesOf(block: number): number {
    return Math.min(BLOCK_ENTRIES, this.entries - block * BLOCK_ENTRIES);
  }

  /** The buffer that has the block, at #start. */
  #load(block: number): Buffer {
    if (this.#cached !== null) {
      this.#start = block * BLOCK_BYTES;
      return this.#cached;
    }
    this.#start = 0;
    if (this.#loaded !== block) {
      this.#loaded = -1;
      const read = this.#storage.readAt(this.#path, block * BLOCK_BYTES, this.#block);
      if (read < BLOCK_BYTES) throw new RangeError('it is cut short');
      checkBlock(this.#block, 0);
      this.#loaded = block;
    }
    return this.#block;
  }
}

function checkBlock(bytes: Buffer, start: number): void {
  const sum = bytes.readBigUInt64LE(start + BLOCK_CHECKSUM_OFFSET);
  if (xxh64(bytes.subarray(start, start + BLOCK_CHECKSUM_OFFSET)) !== sum) {
    throw new RangeError('a block has changed');
  }
}

function compareAt(bytes: Buffer, offset: number, digest: Buffer): number {
  return bytes.compare(digest, 0, 32, offset, offset + 32);
}
