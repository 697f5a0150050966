import type { Storage } from '../sys/storage.ts';
import { blobPath } from './blobs.ts';
import { MAX_PACKS, type PackEntry } from './description.ts';
import { openPack } from './pack-reader.ts';
import type { Seal } from './seal.ts';

/** The packs of a snapshot that is being made, numbered as its page maps do. */
export class PackStore {
  readonly #storage: Storage;
  readonly #seal: Seal;
  readonly #entries: (PackEntry | null)[] = [];
  /** By digest; -1 for packs that are not whole and must not be used. */
  readonly #numbers = new Map<string, number>();

  constructor(storage: Storage, seal: Seal) {
    this.#storage = storage;
    this.#seal = seal;
  }

  /** A number for a pack that is yet to be written. Throws RangeError when there are too many. */
  add(): number {
    if (this.#entries.length >= MAX_PACKS) throw new RangeError(`more than ${MAX_PACKS} packs`);
    return this.#entries.push(null) - 1;
  }

  /** The pack was written. */
  set(number: number, entry: PackEntry): void {
    this.#entries[number] = entry;
    this.#numbers.set(entry.digest, number);
  }

  /** The number of another snapshot's pack, or -1 when it has not its size any more. */
  use(entry: PackEntry): number {
    const known = this.#numbers.get(entry.digest);
    if (known !== undefined) return known;
    const whole = this.#storage.size(blobPath(entry.digest)) === entry.sizeBytes;
    return this.#remember(entry.digest, whole ? entry : null);
  }

  /** The same for a pack of which only the digest is known: its trailer is read. */
  useDigest(digest: string): number {
    return this.#numbers.get(digest) ?? this.#remember(digest, this.#readEntry(digest));
  }

  /** All packs; every one must have been written. */
  entries(): PackEntry[] {
    return this.#entries.map((entry) => {
      if (entry === null) throw new Error('a pack was not finished');
      return entry;
    });
  }

  #remember(digest: string, entry: PackEntry | null): number {
    let number = -1;
    if (entry !== null) {
      number = this.add();
      this.#entries[number] = entry;
    }
    this.#numbers.set(digest, number);
    return number;
  }

  #readEntry(digest: string): PackEntry | null {
    try {
      const pack = openPack(this.#storage, this.#seal, digest);
      const sizeBytes = this.#storage.size(blobPath(digest))!;
      return { digest, sizeBytes, pages: pack.items, trailer: pack.trailer };
    } catch (error) {
      if (error instanceof RangeError) return null;
      throw error;
    }
  }
}
