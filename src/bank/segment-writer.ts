import { hash } from 'node:crypto';
import type { Storage, StorageFile } from '../sys/storage.ts';
import { xxh64 } from '../sys/xxh64.ts';
import { TMP } from './blobs.ts';
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

const BUFFER_BLOCKS = 256;

/** Writes a segment of the page index; entries come in ascending order of their digests. */
export class SegmentWriter {
  readonly path: string;
  entries = 0;
  readonly #storage: Storage;
  readonly #file: StorageFile;
  readonly #buffer = Buffer.alloc(BUFFER_BLOCKS * BLOCK_BYTES);
  #blocks = 0;
  #inBlock = 0;

  /** `name` must be unused under torpor/tmp. */
  constructor(storage: Storage, name: string) {
    this.path = `${TMP}/${name}`;
    this.#storage = storage;
    this.#file = storage.create(this.path);
  }

  /** The digest at `offset` of `digests`. */
  add(digests: Buffer, offset: number, pack: number, page: number): void {
    const at = this.#blocks * BLOCK_BYTES + this.#inBlock * ENTRY_BYTES;
    digests.copy(this.#buffer, at, offset, offset + 32);
    this.#buffer.writeUInt32LE(pack, at + 32);
    this.#buffer.writeUInt32LE(page, at + 36);
    this.entries += 1;
    this.#inBlock += 1;
    if (this.#inBlock === BLOCK_ENTRIES) this.#endBlock();
  }

  /** Ends the last block; the entries can then be read, and no more can be added. */
  endEntries(): void {
    if (this.#inBlock > 0) this.#endBlock();
    this.#flush();
  }

  /** After `endEntries`: writes the packs' digests and the footer, syncs and gives the segment its name. */
  finish(packDigests: readonly string[], path: string): void {
    const packs = Buffer.concat(
      packDigests.map((digest) => Buffer.from(digest.slice('sha256:'.length), 'hex')),
    );
    const footer = new Uint8Array(SEGMENT_FOOTER.sizeBytes);
    SEGMENT_FOOTER.encodeInto(footer, {
      magic: SEGMENT_MAGIC,
      version: SEGMENT_VERSION,
      entries: BigInt(this.entries),
      packs: packDigests.length,
      packsSha256: hash('sha256', packs, 'buffer'),
    });
    SEGMENT_FOOTER.encodeInto(footer, { crc: footerCrc(footer) });
    this.#file.append(packs);
    this.#file.append(footer);
    this.#file.sync();
    this.#file.close();
    this.#storage.rename(this.path, path);
  }

  abandon(): void {
    this.#file.close();
    this.#storage.remove(this.path);
  }

  #endBlock(): void {
    const start = this.#blocks * BLOCK_BYTES;
    const used = this.#inBlock * ENTRY_BYTES;
    this.#buffer.fill(0, start + used, start + BLOCK_BYTES);
    const sum = xxh64(this.#buffer.subarray(start, start + BLOCK_CHECKSUM_OFFSET));
    this.#buffer.writeBigUInt64LE(sum, start + BLOCK_CHECKSUM_OFFSET);
    this.#blocks += 1;
    this.#inBlock = 0;
    if (this.#blocks === BUFFER_BLOCKS) this.#flush();
  }

  #flush(): void {
    this.#file.append(this.#buffer.subarray(0, this.#blocks * BLOCK_BYTES));
    this.#blocks = 0;
  }
}
