import { TorporError } from '../base/errors.ts';
import { type OnProgress, ProgressMeter } from '../base/progress.ts';
import { PAGE_BYTES } from '../base/units.ts';
import type { Bank } from './bank.ts';
import { syncBlobs } from './blobs.ts';
import { bankFull, explainFull } from './explain-full.ts';
import { collectGarbage } from './garbage.ts';
import { NewPages } from './new-pages.ts';
import { addSegments } from './page-index.ts';
import { type PrunePlan, planPrune } from './prune-plan.ts';
import { DamagedPack, movePages } from './repack.ts';
import { rewriteSnapshot } from './rewrite-snapshot.ts';
import type { SnapshotEntry } from './snapshot.ts';
import { encodeEntry } from './snapshot-entries.ts';
import { isVerified, markVerified } from './verified.ts';

const NO_ROOM = ' for the new packs; the old ones are as they were';

/** What pruning did. */
export interface Pruned {
  readonly removedBlobs: number;
  readonly removedBytes: number;
  readonly oldPacks: number;
  readonly newPacks: number;
  readonly writtenBytes: number;
  /** References whose manifests name other packs now. */
  readonly rewritten: readonly string[];
  /** References of snapshots that cannot be read: nothing of theirs was touched. */
  readonly damaged: readonly string[];
  /** Digests of packs that are damaged and stay as they are. */
  readonly damagedPacks: readonly string[];
}

/**
 * Gives back what no snapshot needs. Garbage first; then the live pages of sparse packs go into new packs,
 * and the snapshots that need them get new page maps and manifests. index.json names all of those at once;
 * only then the old packs go. A power cut leaves the old state or the new one, and blobs that the next
 * writer removes. Throws E_BANK_DAMAGED, E_BANK_FULL, E_BANK_BUSY (an unfinished restore).
 */
export async function pruneBank(bank: Bank, onProgress?: OnProgress): Promise<Pruned> {
  refuseWhileRestoring(bank);
  const garbage = collectGarbage(bank);
  let sum: Pruned = {
    removedBlobs: garbage.blobs,
    removedBytes: garbage.bytes,
    oldPacks: 0,
    newPacks: 0,
    writtenBytes: 0,
    rewritten: [],
    damaged: [],
    damagedPacks: [],
  };
  const skip = new Set<string>();
  // A round ends with fewer packs than it began with, so that there is a last one.
  for (;;) {
    const plan = await planPrune(bank, onProgress, skip);
    if (plan.packs.length === 0) return { ...sum, damaged: plan.damaged, damagedPacks: [...skip] };
    const round = await repackRound(bank, plan, onProgress);
    if ('damagedPack' in round) {
      skip.add(round.damagedPack);
      continue;
    }
    sum = {
      removedBlobs: sum.removedBlobs + round.removedBlobs,
      removedBytes: sum.removedBytes + round.removedBytes,
      oldPacks: sum.oldPacks + plan.packs.length,
      newPacks: sum.newPacks + round.newPacks,
      writtenBytes: sum.writtenBytes + round.writtenBytes,
      rewritten: [...new Set([...sum.rewritten, ...round.rewritten])],
      damaged: plan.damaged,
      damagedPacks: [...skip],
    };
    if (round.newPacks >= plan.packs.length) return sum;
  }
}

type Round = Omit<Pruned, 'oldPacks' | 'damaged' | 'damagedPacks'>;

async function repackRound(
  bank: Bank,
  plan: PrunePlan,
  onProgress?: OnProgress,
): Promise<Round | { readonly damagedPack: string }> {
  requireRoom(bank, plan);
  const pages = plan.packs.reduce((sum, { livePages }) => sum + livePages, 0);
  const meter = new ProgressMeter('repack', pages * PAGE_BYTES, onProgress);
  const newPages = new NewPages(bank.storage);
  try {
    const moved = await movePages(bank, plan.packs, newPages, (bytes) => meter.add(bytes));
    const rewritten: {
      readonly old: SnapshotEntry;
      readonly now: SnapshotEntry;
      readonly verified: boolean;
    }[] = [];
    const damaged = new Set(plan.damaged);
    for (const old of bank.snapshots().filter(({ reference }) => !damaged.has(reference))) {
      const snapshot = bank.load(old);
      if (!snapshot.description.packs.some(({ digest }) => moved.frameStarts.has(digest))) continue;
      rewritten.push({
        old,
        now: await rewriteSnapshot(bank, snapshot, moved),
        verified: isVerified(bank, old),
      });
    }
    syncBlobs(bank.storage);
    commitRewritten(bank, new Map(rewritten.map(({ old, now }) => [old.digest, now])));
    for (const { now, verified } of rewritten) if (verified) markVerified(bank, now);
    addSegments(
      bank.storage,
      newPages.takeSegments(),
      moved.packs.map(({ digest }) => digest),
    );
    meter.finish();
    const { blobs, bytes } = collectGarbage(bank);
    return {
      removedBlobs: blobs,
      removedBytes: bytes,
      newPacks: moved.packs.length,
      writtenBytes: moved.writtenBytes,
      rewritten: rewritten.map(({ now }) => now.reference),
    };
  } catch (error) {
    giveUp(bank, newPages);
    const damagedPack = error instanceof DamagedPack ? error.digest : null;
    if (damagedPack !== null) return { damagedPack };
    throw explainFull(bank, error, NO_ROOM);
  }
}

/** THE commit point: all of them in one index. */
function commitRewritten(bank: Bank, byOldDigest: ReadonlyMap<string, SnapshotEntry>): void {
  const index = bank.index();
  const manifests = index.manifests.map((descriptor) => {
    const now = byOldDigest.get(descriptor.digest);
    return now === undefined ? descriptor : encodeEntry(now);
  });
  bank.commit({ ...index, manifests });
}

/** The journal of a restore names a manifest by its digest. Throws E_BANK_BUSY. */
function refuseWhileRestoring(bank: Bank): void {
  const unfinished = bank.unfinishedRestore();
  if (unfinished === null) return;
  const { reference, slot } = unfinished;
  throw new TorporError('E_BANK_BUSY', `the restore of ${reference} to slot ${slot} was not finished`, {
    facts: { reference, slot },
    hint: `finish it first: \`torpor restore ${reference} --slot ${slot}\``,
  });
}

function requireRoom(bank: Bank, plan: PrunePlan): void {
  if (plan.newBytes <= bank.storage.freeBytes()) return;
  throw bankFull(bank, NO_ROOM);
}

function giveUp(bank: Bank, newPages: NewPages): void {
  try {
    newPages.abandon();
    collectGarbage(bank);
  } catch (error) {
    // The next opening for writing does it.
    if (!(error instanceof TorporError)) throw error;
  }
}
