import { hash } from 'node:crypto';
import type { Storage } from '../sys/storage.ts';
import { xxh64 } from '../sys/xxh64.ts';
import { BlobWriter, type StoredBlob } from './blobs.ts';
import {
  FOOTER,
  FRAME,
  FRAMED_MAGIC,
  FRAMED_VERSION,
  type FramedKind,
  HEADER,
  MAX_FRAMES,
  structCrc,
} from './framed-layout.ts';
import type { Seal } from './seal.ts';

/** A framed blob that was written. */
export interface FramedBlob extends StoredBlob {
  /** `sha256:…` of the trailer as stored. */
  readonly trailer: string;
  readonly items: number;
}

/** A compressed frame and what it holds. */
export interface Frame {
  readonly compressed: Uint8Array;
  readonly rawBytes: number;
  /** What the items are is the blob's matter: pages, runs. */
  readonly firstItem: number;
  readonly items: number;
}

/** Writes a framed blob, frame after frame. Errors of the storage pass through. */
export class FramedWriter {
  readonly #seal: Seal;
  readonly #kind: FramedKind;
  readonly #salt: Uint8Array;
  readonly #blob: BlobWriter;
  readonly #table: Uint8Array[] = [];
  #items = 0;

  constructor(storage: Storage, seal: Seal, kind: FramedKind, name: string) {
    this.#seal = seal;
    this.#kind = kind;
    this.#salt = seal.newSalt();
    this.#blob = new BlobWriter(storage, name);
    const header = new Uint8Array(HEADER.sizeBytes);
    HEADER.encodeInto(header, { magic: FRAMED_MAGIC[kind], version: FRAMED_VERSION, salt: this.#salt });
    HEADER.encodeInto(header, { crc: structCrc(header) });
    this.#blob.append(header);
  }

  get sizeBytes(): number {
    return this.#blob.sizeBytes;
  }

  append(frame: Frame): void {
    const number = this.#table.length;
    if (number >= MAX_FRAMES) throw new RangeError('a blob has too many frames');
    const stored = this.#seal.seal('frame', this.#salt, number, frame.compressed);
    const entry = new Uint8Array(FRAME.sizeBytes);
    FRAME.encodeInto(entry, {
      offset: BigInt(this.#blob.sizeBytes),
      firstItem: BigInt(frame.firstItem),
      items: frame.items,
      storedBytes: stored.length,
      rawBytes: frame.rawBytes,
      checksum: xxh64(stored),
    });
    this.#table.push(entry);
    this.#items += frame.items;
    this.#blob.append(stored);
  }

  /** Writes the trailer with `extra` behind the frame table, syncs, and gives the blob its name, or `path`. */
  finish(extra: Uint8Array, path?: string): FramedBlob {
    const trailer = this.#seal.seal('trailer', this.#salt, 0, Buffer.concat([...this.#table, extra]));
    const sha256 = hash('sha256', trailer, 'buffer');
    const footer = new Uint8Array(FOOTER.sizeBytes);
    FOOTER.encodeInto(footer, {
      magic: FRAMED_MAGIC[this.#kind],
      version: FRAMED_VERSION,
      items: BigInt(this.#items),
      trailerOffset: BigInt(this.#blob.sizeBytes),
      trailerStoredBytes: trailer.length,
      frames: this.#table.length,
      extraBytes: extra.length,
      trailerSha256: sha256,
    });
    FOOTER.encodeInto(footer, { crc: structCrc(footer) });
    this.#blob.append(trailer);
    this.#blob.append(footer);
    return { ...this.#blob.finish(path), trailer: `sha256:${sha256.toString('hex')}`, items: this.#items };
  }

  abandon(): void {
    this.#blob.abandon();
  }
}
