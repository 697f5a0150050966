import { TorporError } from '../base/errors.ts';
import { type OnProgress, ProgressMeter } from '../base/progress.ts';
import { PAGE_BYTES } from '../base/units.ts';
import type { Bank } from './bank.ts';
import { BLOBS } from './blobs.ts';
import { type Description, PACK_PAGES, type PackEntry } from './description.ts';
import type { Snapshot, SnapshotEntry } from './snapshot.ts';
import { eachStoredRun } from './stored-runs.ts';

/** Bytes of a snapshot's pages, uncompressed. */
export interface SnapshotStats {
  readonly id: string;
  readonly reference: string;
  /** Of its regions: zero + free + stored. */
  readonly rawBytes: number;
  readonly zeroBytes: number;
  readonly freeBytes: number;
  readonly storedBytes: number;
  /** Of stored pages that no other snapshot has, wherever in this one they stand. */
  readonly ownBytes: number;
  /** Of stored pages that others have too. */
  readonly sharedBytes: number;
}

export interface BankStats {
  /** Oldest first. */
  readonly snapshots: readonly SnapshotStats[];
  /** References of those that cannot be read. */
  readonly damaged: readonly string[];
  /** Of all regions of all snapshots. */
  readonly rawBytes: number;
  /** Of all stored pages of all snapshots, as if each had its own. */
  readonly storedBytes: number;
  /** Of the different pages among them. */
  readonly distinctBytes: number;
  /** Of pages in the packs that no snapshot needs any more; `prune` gives them back. */
  readonly deadBytes: number;
  /** storedBytes / distinctBytes. */
  readonly dedupRatio: number;
  /** Uncompressed bytes of all pages in packs / bytes of the packs. */
  readonly compressionRatio: number;
  readonly packs: number;
  readonly packBytes: number;
  /** Of everything under blobs/. */
  readonly blobBytes: number;
  /** rawBytes / blobBytes: what the bank holds against what it takes. */
  readonly totalRatio: number;
}

/** Packs that are looked at in one pass over the page maps: 16 MiB of marks, whatever the size of the bank. */
const GROUP_PACKS = 128;
/** In the marks: several snapshots have the page. Otherwise the number of the one that has it + 1, or 0. */
const SHARED = 0xffff_ffff;

/** What is kept of a snapshot while others are read. */
interface Counted {
  readonly entry: SnapshotEntry;
  readonly pages: Description['pages'];
  ownPages: number;
}

/** Reads page maps, no pages. A snapshot that is damaged is named and left out. */
export async function measureBank(bank: Bank, onProgress?: OnProgress): Promise<BankStats> {
  const counted: Counted[] = [];
  const damaged: string[] = [];
  const known = new Map<string, PackEntry>();
  for (const entry of bank.snapshots()) {
    const snapshot = await loadWhole(bank, entry);
    if (snapshot === null) damaged.push(entry.reference);
    else {
      counted.push({ entry, pages: snapshot.description.pages, ownPages: 0 });
      for (const pack of snapshot.description.packs) known.set(pack.digest, pack);
    }
  }
  const packs = [...known.values()];
  const stored = counted.reduce((sum, { pages }) => sum + pages.stored, 0);
  const passes = 2 * Math.ceil(packs.length / GROUP_PACKS);
  const meter = new ProgressMeter('count', passes * stored * PAGE_BYTES, onProgress);
  let distinct = 0;
  for (let from = 0; from < packs.length; from += GROUP_PACKS) {
    const group = new PackGroup(packs.slice(from, from + GROUP_PACKS));
    for (const [number, { entry, pages }] of counted.entries()) {
      await group.walk(bank, entry, (marks, at) => {
        const mark = marks[at]!;
        if (mark === 0) distinct += 1;
        if (mark !== number + 1) marks[at] = mark === 0 ? number + 1 : SHARED;
      });
      meter.add(pages.stored * PAGE_BYTES);
    }
    for (const [number, of] of counted.entries()) {
      await group.walk(bank, of.entry, (marks, at) => {
        if (marks[at] === number + 1) of.ownPages += 1;
      });
      meter.add(of.pages.stored * PAGE_BYTES);
    }
  }
  meter.finish();
  return { ...sumUp(bank, counted.map(statsOf), packs, distinct), damaged };
}

/** The pages of some packs, with a mark for each. */
class PackGroup {
  readonly #places: ReadonlyMap<string, number>;
  readonly #marks: Uint32Array;

  constructor(packs: readonly PackEntry[]) {
    this.#places = new Map(packs.map(({ digest }, place) => [digest, place * PACK_PAGES]));
    this.#marks = new Uint32Array(packs.length * PACK_PAGES);
  }

  /** Visits each page of the group that a snapshot refers to, as often as it does. */
  async walk(
    bank: Bank,
    entry: SnapshotEntry,
    visit: (marks: Uint32Array, at: number) => void,
  ): Promise<void> {
    const snapshot = bank.load(entry);
    const places = snapshot.description.packs.map(({ digest }) => this.#places.get(digest) ?? -1);
    await eachStoredRun(bank, snapshot, (pack, first, count) => {
      const place = places[pack]!;
      if (place < 0) return;
      for (let at = place + first; at < place + first + count; at += 1) visit(this.#marks, at);
    });
  }
}

/** Null when the description or a page map is damaged. */
async function loadWhole(bank: Bank, entry: SnapshotEntry): Promise<Snapshot | null> {
  try {
    const snapshot = bank.load(entry);
    await eachStoredRun(bank, snapshot, () => {});
    return snapshot;
  } catch (error) {
    if (error instanceof TorporError && error.code === 'E_BANK_DAMAGED') return null;
    throw error;
  }
}

function statsOf({
  entry: { id, reference },
  pages: { stored, zero, free },
  ownPages,
}: Counted): SnapshotStats {
  return {
    id,
    reference,
    rawBytes: (stored + zero + free) * PAGE_BYTES,
    zeroBytes: zero * PAGE_BYTES,
    freeBytes: free * PAGE_BYTES,
    storedBytes: stored * PAGE_BYTES,
    ownBytes: ownPages * PAGE_BYTES,
    sharedBytes: (stored - ownPages) * PAGE_BYTES,
  };
}

function sumUp(
  bank: Bank,
  snapshots: readonly SnapshotStats[],
  packs: readonly PackEntry[],
  distinct: number,
): Omit<BankStats, 'damaged'> {
  const sum = <T>(all: readonly T[], of: (one: T) => number): number =>
    all.reduce((total, one) => total + of(one), 0);
  const rawBytes = sum(snapshots, (one) => one.rawBytes);
  const storedBytes = sum(snapshots, (one) => one.storedBytes);
  const packBytes = sum(packs, (pack) => pack.sizeBytes);
  const packedBytes = sum(packs, (pack) => pack.pages) * PAGE_BYTES;
  const blobBytes = sum(bank.storage.list(BLOBS), (name) => bank.storage.size(`${BLOBS}/${name}`) ?? 0);
  const distinctBytes = distinct * PAGE_BYTES;
  return {
    snapshots,
    rawBytes,
    storedBytes,
    distinctBytes,
    deadBytes: packedBytes - distinctBytes,
    dedupRatio: ratio(storedBytes, distinctBytes),
    compressionRatio: ratio(packedBytes, packBytes),
    packs: packs.length,
    packBytes,
    blobBytes,
    totalRatio: ratio(rawBytes, blobBytes),
  };
}

/** To two places; 1 for nothing. */
function ratio(whole: number, part: number): number {
  return part === 0 ? 1 : Math.round((100 * whole) / part) / 100;
}
