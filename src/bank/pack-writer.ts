import { PAGE_BYTES } from '../base/units.ts';
import type { Storage } from '../sys/storage.ts';
import { PACK_PAGES } from './description.ts';
import type { FrameQueue } from './frame-queue.ts';
import { FramedWriter } from './framed-writer.ts';
import { DIGEST_BYTES, FRAME_PAGES } from './pack-reader.ts';
import type { PackStore } from './pack-store.ts';
import type { Seal } from './seal.ts';

/** A pack while pages are added to it. */
interface OpenPack {
  readonly number: number;
  readonly writer: FramedWriter;
  readonly digests: Buffer;
  pages: number;
}

/** Writes pages into packs, one pack after the other, and tells the PackStore of each. */
export class PackWriter {
  /** Pages and stored bytes of all packs. */
  pages = 0;
  storedBytes = 0;
  readonly #storage: Storage;
  readonly #seal: Seal;
  readonly #queue: FrameQueue;
  readonly #packs: PackStore;
  readonly #unused: Buffer[] = [];
  readonly #unfinished = new Set<FramedWriter>();
  #pack: OpenPack | null = null;
  #frame: Buffer | null = null;
  #framePages = 0;
  /** Where the page that was added last is. */
  number = 0;
  page = 0;

  constructor(storage: Storage, seal: Seal, queue: FrameQueue, packs: PackStore) {
    this.#storage = storage;
    this.#seal = seal;
    this.#queue = queue;
    this.#packs = packs;
  }

  /** Copies the page at `offset` of `bytes`; its place is then in `number` and `page`. */
  add(bytes: Buffer, offset: number, digest: Uint8Array): void {
    const pack = this.#openPack();
    this.#frame ??= this.#unused.pop() ?? Buffer.allocUnsafeSlow(FRAME_PAGES * PAGE_BYTES);
    bytes.copy(this.#frame, this.#framePages * PAGE_BYTES, offset, offset + PAGE_BYTES);
    pack.digests.set(digest, pack.pages * DIGEST_BYTES);
    this.number = pack.number;
    this.page = pack.pages;
    pack.pages += 1;
    this.pages += 1;
    this.#framePages += 1;
    if (this.#framePages === FRAME_PAGES) this.#endFrame();
    if (pack.pages === PACK_PAGES) this.#endPack();
  }

  /** The last of it; packs are whole when the queue has come to its end. */
  finish(): void {
    if (this.#pack !== null) this.#endPack();
  }

  abandon(): void {
    for (const writer of this.#unfinished) writer.abandon();
  }

  #openPack(): OpenPack {
    if (this.#pack !== null) return this.#pack;
    const number = this.#packs.add();
    const writer = new FramedWriter(this.#storage, this.#seal, 'pack', `pack-${number}`);
    this.#unfinished.add(writer);
    this.#pack = { number, writer, digests: Buffer.allocUnsafe(PACK_PAGES * DIGEST_BYTES), pages: 0 };
    return this.#pack;
  }

  #endFrame(): void {
    if (this.#framePages === 0) return;
    const pack = this.#pack!;
    const frame = this.#frame!;
    const raw = frame.subarray(0, this.#framePages * PAGE_BYTES);
    this.#queue.submit(pack.writer, raw, pack.pages - this.#framePages, this.#framePages, () => {
      this.#unused.push(frame);
    });
    this.#frame = null;
    this.#framePages = 0;
  }

  #endPack(): void {
    this.#endFrame();
    const { number, writer, digests, pages } = this.#pack!;
    this.#pack = null;
    this.#queue.afterwards(() => {
      const { digest, sizeBytes, trailer } = writer.finish(digests.subarray(0, pages * DIGEST_BYTES));
      this.#unfinished.delete(writer);
      this.storedBytes += sizeBytes;
      this.#packs.set(number, { digest, sizeBytes, pages, trailer });
    });
  }
}
