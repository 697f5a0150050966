import type { Bank } from './bank.ts';
import { decodingBlob } from './damage.ts';
import type { FramedReader } from './framed-reader.ts';
import { openPack } from './pack-reader.ts';
import type { Snapshot } from './snapshot.ts';

/** Packs whose trailers are held: about 1 MiB each. */
const OPEN_PACKS = 8;

/** The packs of a snapshot, those used last kept open. */
export class PackCache {
  readonly #bank: Bank;
  readonly #snapshot: Snapshot;
  readonly #open = new Map<number, FramedReader>();

  constructor(bank: Bank, snapshot: Snapshot) {
    this.#bank = bank;
    this.#snapshot = snapshot;
  }

  /** By its number in the page maps. Throws E_BANK_DAMAGED when it is not the pack that was saved. */
  get(number: number): FramedReader {
    const pack = this.#open.get(number) ?? this.#read(number);
    this.#open.delete(number);
    this.#open.set(number, pack);
    if (this.#open.size > OPEN_PACKS) this.#open.delete(this.#open.keys().next().value!);
    return pack;
  }

  #read(number: number): FramedReader {
    const { storage, seal } = this.#bank;
    const entry = this.#snapshot.description.packs[number]!;
    return decodingBlob(this.#snapshot.reference, entry.digest, () => {
      const pack = openPack(storage, seal, entry.digest);
      if (pack.trailer !== entry.trailer) throw new RangeError('it has the trailer of another pack');
      if (pack.items !== entry.pages)
        throw new RangeError(`it has ${pack.items} pages instead of ${entry.pages}`);
      return pack;
    });
  }
}
