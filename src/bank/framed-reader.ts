import { hash } from 'node:crypto';
import type { Storage } from '../sys/storage.ts';
import { xxh64 } from '../sys/xxh64.ts';
import {
  FOOTER,
  FRAME,
  FRAMED_MAGIC,
  FRAMED_VERSION,
  type FramedKind,
  HEADER,
  MAX_EXTRA_BYTES,
  MAX_FRAME_BYTES,
  MAX_FRAMES,
  MAX_STORED_FRAME_BYTES,
  structCrc,
} from './framed-layout.ts';
import { SALT_BYTES, type Seal } from './seal.ts';
import { expandFrame, expandFrameNow } from './zstd.ts';

/** Where a frame is and what it holds. */
export interface FramePlace {
  readonly offset: number;
  readonly firstItem: number;
  readonly items: number;
  readonly storedBytes: number;
  readonly rawBytes: number;
  readonly checksum: bigint;
}

/** Reads a framed blob. Every method throws RangeError for what is not as it was written. */
export class FramedReader {
  readonly path: string;
  readonly frames: number;
  readonly items: number;
  /** `sha256:…` of the trailer as stored. */
  readonly trailer: string;
  /** What follows the frame table: page digests, a region. */
  readonly extra: Uint8Array;
  readonly #storage: Storage;
  readonly #seal: Seal;
  readonly #salt: Uint8Array;
  readonly #table: Uint8Array;

  constructor(storage: Storage, seal: Seal, kind: FramedKind, path: string) {
    this.path = path;
    this.#storage = storage;
    this.#seal = seal;
    const sizeBytes = storage.size(path);
    if (sizeBytes === null) throw new RangeError('it is missing');
    if (sizeBytes < HEADER.sizeBytes + FOOTER.sizeBytes)
      throw new RangeError(`it has only ${sizeBytes} bytes`);
    this.#salt = this.#readHeader(kind);
    const trailerEnd = sizeBytes - FOOTER.sizeBytes;
    const footer = this.#readFooter(kind, trailerEnd);
    const stored = this.#readStored(footer.trailerOffset, footer.trailerStoredBytes);
    const sha256 = hash('sha256', stored, 'buffer');
    if (!sha256.equals(footer.trailerSha256)) throw new RangeError('its trailer has changed');
    const trailer = seal.open('trailer', this.#salt, 0, stored);
    if (trailer.length !== footer.frames * FRAME.sizeBytes + footer.extraBytes) {
      throw new RangeError('its trailer has another size');
    }
    this.trailer = `sha256:${sha256.toString('hex')}`;
    this.frames = footer.frames;
    this.#table = trailer.subarray(0, footer.frames * FRAME.sizeBytes);
    this.extra = trailer.subarray(this.#table.length);
    this.items = this.#checkTable(footer.trailerOffset);
    if (this.items !== footer.items) throw new RangeError('its frames have another number of items');
  }

  frame(number: number): FramePlace {
    const entry = FRAME.decode(this.#table, number * FRAME.sizeBytes);
    return { ...entry, offset: Number(entry.offset), firstItem: Number(entry.firstItem) };
  }

  /** A frame as it is stored, its checksum compared. */
  readStored(number: number): Uint8Array {
    const { offset, storedBytes, checksum } = this.frame(number);
    const stored = this.#readStored(offset, storedBytes);
    if (xxh64(stored) !== checksum) throw new RangeError(`frame ${number} has changed`);
    return stored;
  }

  /** A frame's content. */
  async read(number: number): Promise<Uint8Array> {
    const stored = this.readStored(number);
    const compressed = this.#seal.open('frame', this.#salt, number, stored);
    return await expandFrame(compressed, this.frame(number).rawBytes);
  }

  /** The same at once, in this thread. */
  readNow(number: number): Uint8Array {
    const compressed = this.#seal.open('frame', this.#salt, number, this.readStored(number));
    return expandFrameNow(compressed, this.frame(number).rawBytes);
  }

  #readHeader(kind: FramedKind): Uint8Array {
    const whole = this.#readStored(0, HEADER.sizeBytes);
    const header = HEADER.decode(whole);
    checkStart(kind, header, whole, 'header');
    if (header.salt.length !== SALT_BYTES) throw new RangeError('its salt has another size');
    return header.salt;
  }

  #readFooter(kind: FramedKind, offset: number) {
    const whole = this.#readStored(offset, FOOTER.sizeBytes);
    const footer = FOOTER.decode(whole);
    checkStart(kind, footer, whole, 'footer');
    const trailerOffset = Number(footer.trailerOffset);
    const most = MAX_FRAMES * FRAME.sizeBytes + MAX_EXTRA_BYTES + this.#seal.extraBytes;
    if (
      footer.frames > MAX_FRAMES ||
      footer.extraBytes > MAX_EXTRA_BYTES ||
      footer.trailerStoredBytes > most
    ) {
      throw new RangeError('its trailer is impossibly large');
    }
    if (trailerOffset < HEADER.sizeBytes || trailerOffset + footer.trailerStoredBytes !== offset) {
      throw new RangeError('its trailer is not where it must be');
    }
    return { ...footer, trailerOffset, items: Number(footer.items) };
  }

  /** Frames follow each other without gaps and stay inside their bounds; returns the sum of their items. */
  #checkTable(end: number): number {
    let offset: number = HEADER.sizeBytes;
    let items = 0;
    for (let number = 0; number < this.frames; number += 1) {
      const frame = this.frame(number);
      if (frame.offset !== offset) throw new RangeError(`frame ${number} is not where it must be`);
      if (frame.storedBytes > MAX_STORED_FRAME_BYTES) throw new RangeError(`frame ${number} is too large`);
      if (frame.rawBytes < 1 || frame.rawBytes > MAX_FRAME_BYTES) {
        throw new RangeError(`frame ${number} would expand to ${frame.rawBytes} bytes`);
      }
      if (!Number.isSafeInteger(frame.firstItem)) throw new RangeError(`frame ${number} starts nowhere`);
      offset += frame.storedBytes;
      items += frame.items;
    }
    if (offset !== end) throw new RangeError('its frames do not fill it');
    return items;
  }

  #readStored(offset: number, sizeBytes: number): Uint8Array {
    const bytes = Buffer.allocUnsafe(sizeBytes);
    if (this.#storage.readAt(this.path, offset, bytes) !== sizeBytes) throw new RangeError('it is cut short');
    return bytes;
  }
}

function checkStart(
  kind: FramedKind,
  start: { readonly magic: string; readonly version: number; readonly crc: number },
  whole: Uint8Array,
  what: string,
): void {
  if (start.magic !== FRAMED_MAGIC[kind]) throw new RangeError(`its ${what} is not of a ${kind}`);
  if (structCrc(whole) !== start.crc) throw new RangeError(`its ${what} has changed`);
  if (start.version !== FRAMED_VERSION) throw new RangeError(`it has version ${start.version}`);
}
