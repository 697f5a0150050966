import type { Storage } from '../sys/storage.ts';
import { SegmentReader } from './segment-reader.ts';
import { SegmentWriter } from './segment-writer.ts';

const DIGEST_BYTES = 32;
/** Pages that are held in memory before they go to a file: 1 GiB of new pages, 12 MiB of table. A power of two. */
const CAPACITY = 2 ** 18;
const INDEX_BITS = 18;
const FIRST_CAPACITY = 2 ** 12;

/** Digests of the pages that a save has written, and where; what does not fit in memory is in files. */
export class NewPages {
  /** Where the digest that was found last is. */
  pack = 0;
  page = 0;
  readonly #storage: Storage;
  readonly #capacity: number;
  #digests: Buffer;
  #places: Uint32Array;
  /** Open addressing: entry number + 1, or 0. */
  #slots: Int32Array;
  #count = 0;
  readonly #spilled: { writer: SegmentWriter; reader: SegmentReader }[] = [];

  constructor(storage: Storage, capacity = CAPACITY) {
    this.#storage = storage;
    this.#capacity = capacity;
    const first = Math.min(FIRST_CAPACITY, capacity);
    this.#digests = Buffer.alloc(first * DIGEST_BYTES);
    this.#places = new Uint32Array(first * 2);
    this.#slots = new Int32Array(first * 2);
  }

  find(digest: Buffer): boolean {
    const entry = this.#slots[this.#slotOf(digest)]!;
    if (entry > 0) {
      this.pack = this.#places[2 * (entry - 1)]!;
      this.page = this.#places[2 * (entry - 1) + 1]!;
      return true;
    }
    for (const { reader } of this.#spilled) {
      if (!reader.find(digest)) continue;
      this.pack = reader.pack;
      this.page = reader.page;
      return true;
    }
    return false;
  }

  /** The digest must not be there yet. Errors of the storage pass through. */
  add(digest: Buffer, pack: number, page: number): void {
    if (this.#count === this.#capacity) this.#spill();
    if (this.#count * 2 === this.#places.length) this.#grow();
    this.#digests.set(digest, this.#count * DIGEST_BYTES);
    this.#places[2 * this.#count] = pack;
    this.#places[2 * this.#count + 1] = page;
    this.#count += 1;
    this.#slots[this.#slotOf(digest)] = this.#count;
  }

  /** Everything as segments whose entries are ended, to be finished or abandoned. */
  takeSegments(): SegmentWriter[] {
    this.#spill();
    return this.#spilled.map(({ writer }) => writer);
  }

  abandon(): void {
    for (const { writer } of this.#spilled) writer.abandon();
  }

  #slotOf(digest: Buffer): number {
    const mask = this.#slots.length - 1;
    let slot = digest.readUInt32LE(8) & mask;
    for (;;) {
      const entry = this.#slots[slot]!;
      if (entry === 0) return slot;
      const at = (entry - 1) * DIGEST_BYTES;
      if (this.#digests.compare(digest, 0, DIGEST_BYTES, at, at + DIGEST_BYTES) === 0) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #grow(): void {
    this.#digests = Buffer.concat([this.#digests], 2 * this.#digests.length);
    const places = new Uint32Array(2 * this.#places.length);
    places.set(this.#places);
    this.#places = places;
    this.#slots = new Int32Array(2 * this.#slots.length);
    for (let entry = 0; entry < this.#count; entry += 1) {
      const start = entry * DIGEST_BYTES;
      this.#slots[this.#slotOf(this.#digests.subarray(start, start + DIGEST_BYTES))] = entry + 1;
    }
  }

  #spill(): void {
    if (this.#count === 0) return;
    const writer = new SegmentWriter(this.#storage, `segment-${this.#spilled.length}`);
    for (const entry of this.#sorted()) {
      writer.add(this.#digests, entry * DIGEST_BYTES, this.#places[2 * entry]!, this.#places[2 * entry + 1]!);
    }
    writer.endEntries();
    this.#spilled.push({ writer, reader: new SegmentReader(this.#storage, writer.path, writer.entries) });
    this.#slots.fill(0);
    this.#count = 0;
  }

  /** Entry numbers in the order of their digests. */
  #sorted(): Uint32Array {
    // Each key is 46 bits of the digest above 18 of the entry's number: sorted natively.
    const keys = new BigUint64Array(this.#count);
    const words = new Uint32Array(keys.buffer);
    for (let entry = 0; entry < this.#count; entry += 1) {
      const low = this.#digests.readUInt32BE(entry * DIGEST_BYTES + 4);
      words[2 * entry + 1] = this.#digests.readUInt32BE(entry * DIGEST_BYTES);
      words[2 * entry] = ((low >>> INDEX_BITS) << INDEX_BITS) | entry;
    }
    keys.sort();
    const order = new Uint32Array(this.#count);
    for (let index = 0; index < this.#count; index += 1) order[index] = words[2 * index]! & (CAPACITY - 1);
    // Digests with the same 46 bits may stand the wrong way round.
    for (let index = 1; index < order.length; index += 1) {
      for (let at = index; at > 0 && this.#compare(order[at - 1]!, order[at]!) > 0; at -= 1) {
        [order[at - 1], order[at]] = [order[at]!, order[at - 1]!];
      }
    }
    return order;
  }

  #compare(a: number, b: number): number {
    const [first, second] = [a * DIGEST_BYTES, b * DIGEST_BYTES];
    return this.#digests.compare(this.#digests, second, second + DIGEST_BYTES, first, first + DIGEST_BYTES);
  }
}
