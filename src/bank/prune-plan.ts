import { TorporError } from '../base/errors.ts';
import { type OnProgress, ProgressMeter } from '../base/progress.ts';
import { PAGE_BYTES } from '../base/units.ts';
import type { Bank } from './bank.ts';
import { PACK_PAGES, type PackEntry } from './description.ts';
import type { Snapshot, SnapshotEntry } from './snapshot.ts';
import { eachStoredRun } from './stored-runs.ts';

/** A pack that is to be written anew. */
export interface SparsePack extends PackEntry {
  readonly livePages: number;
  /** A bit for each page: some snapshot needs it. */
  readonly live: Uint8Array;
}

export interface PrunePlan {
  readonly packs: readonly SparsePack[];
  /** About what the bank shrinks by. */
  readonly reclaimBytes: number;
  /** About what is written before anything is removed. */
  readonly newBytes: number;
  /** References of snapshots that cannot be read: their packs stay as they are. */
  readonly damaged: readonly string[];
}

/** A pack with fewer live pages in 100 is written anew. */
const LIVE_PERCENT = 50;
/** A pack with fewer pages is small: a few of them are let be, more become one. */
const SMALL_PAGES = PACK_PAGES / 8;
const MAX_SMALL_PACKS = 16;
/** Packs that are written anew at a time: 4 MiB of bits, whatever the size of the bank. */
const MAX_PACKS_A_ROUND = 1024;
/** Packs that are counted in one pass over the page maps. */
const GROUP_PACKS = 1024;

/**
 * Finds packs that are mostly dead, and small ones when there are many, so that neither wasted space nor
 * the number of blobs grows without bound; not the packs to `skip`. Reads page maps, no pages. Throws
 * E_BANK_DAMAGED when a manifest cannot be read.
 */
export async function planPrune(
  bank: Bank,
  onProgress?: OnProgress,
  skip: ReadonlySet<string> = new Set(),
): Promise<PrunePlan> {
  const kept = new Set(skip);
  const damaged: string[] = [];
  const packs = new Map<string, PackEntry>();
  const whole: SnapshotEntry[] = [];
  let pages = 0;
  for (const entry of bank.snapshots()) {
    const snapshot = loadOrKeep(bank, entry, kept);
    if (snapshot === null) damaged.push(entry.reference);
    else {
      whole.push(entry);
      pages += snapshot.description.pages.stored;
      for (const pack of snapshot.description.packs) packs.set(pack.digest, pack);
    }
  }
  const movable = [...packs.values()].filter(({ digest }) => !kept.has(digest));
  const mergeSmall = movable.filter((pack) => pack.pages < SMALL_PAGES).length > MAX_SMALL_PACKS;
  const groups = Math.ceil(movable.length / GROUP_PACKS);
  const meter = new ProgressMeter('count', groups * pages * PAGE_BYTES, onProgress);
  const sparse: SparsePack[] = [];
  for (let from = 0; from < movable.length; from += GROUP_PACKS) {
    for (const pack of await countLive(
      bank,
      whole,
      movable.slice(from, from + GROUP_PACKS),
      kept,
      damaged,
      meter,
    )) {
      if (kept.has(pack.digest)) continue;
      const wasteful = 100 * pack.livePages < LIVE_PERCENT * pack.pages;
      if ((wasteful || (mergeSmall && pack.pages < SMALL_PAGES)) && sparse.length < MAX_PACKS_A_ROUND)
        sparse.push(pack);
    }
  }
  meter.finish();
  return { packs: sparse, damaged: [...new Set(damaged)], ...estimate(sparse) };
}

/** Null when it is damaged; its packs are then kept. A page map that is damaged shows later. */
function loadOrKeep(bank: Bank, entry: SnapshotEntry, kept: Set<string>): Snapshot | null {
  const manifest = bank.manifest(entry);
  try {
    return bank.load(entry);
  } catch (error) {
    requireDamage(error);
    for (const { digest } of manifest.layers) kept.add(digest);
    return null;
  }
}

function requireDamage(error: unknown): void {
  if (!(error instanceof TorporError && error.code === 'E_BANK_DAMAGED')) throw error;
}

async function countLive(
  bank: Bank,
  entries: readonly SnapshotEntry[],
  packs: readonly PackEntry[],
  kept: Set<string>,
  damaged: string[],
  meter: ProgressMeter,
): Promise<SparsePack[]> {
  const live = new Map(packs.map(({ digest }) => [digest, new Uint8Array(PACK_PAGES / 8)]));
  for (const entry of entries) {
    const snapshot = bank.load(entry);
    const bits = snapshot.description.packs.map(({ digest }) => live.get(digest));
    try {
      await eachStoredRun(bank, snapshot, (pack, first, count) => {
        const of = bits[pack];
        if (of === undefined) return;
        for (let page = first; page < first + count; page += 1) of[page >> 3]! |= 1 << (page & 7);
      });
    } catch (error) {
      requireDamage(error);
      damaged.push(entry.reference);
      for (const { digest } of snapshot.description.packs) kept.add(digest);
    }
    meter.add(snapshot.description.pages.stored * PAGE_BYTES);
  }
  return packs.map((pack) => ({
    ...pack,
    live: live.get(pack.digest)!,
    livePages: countBits(live.get(pack.digest)!),
  }));
}

function countBits(bytes: Uint8Array): number {
  let count = 0;
  for (const byte of bytes) for (let rest = byte; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}

function estimate(packs: readonly SparsePack[]): Pick<PrunePlan, 'reclaimBytes' | 'newBytes'> {
  const oldBytes = packs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const newBytes = packs.reduce((sum, pack) => sum + (pack.sizeBytes * pack.livePages) / pack.pages, 0);
  return { reclaimBytes: Math.round(oldBytes - newBytes), newBytes: Math.round(newBytes) };
}
