import { TorporError } from '../base/errors.ts';
import type { Bank } from './bank.ts';
import { measureOwnBytes } from './blob-use.ts';
import { collectGarbage } from './garbage.ts';
import type { SnapshotEntry } from './snapshot.ts';
import { findEntry } from './snapshot-entries.ts';

/** Snapshots that are to go. */
export interface RemovalPlan {
  readonly snapshots: readonly SnapshotEntry[];
  readonly blobs: number;
  /** What it gives back; pages that others share stay. */
  readonly bytes: number;
}

/**
 * Checks what is to be removed. Throws E_NO_SNAPSHOT; E_USAGE; E_BANK_BUSY while a restore of one is
 * unfinished.
 */
export function planRemoval(bank: Bank, references: readonly string[]): RemovalPlan {
  const entries = bank.snapshots();
  const removed = new Map(
    references.map((reference) => requireNamed(entries, reference)).map((e) => [e.id, e]),
  );
  const unfinished = bank.unfinishedRestore();
  if (unfinished !== null && removed.has(unfinished.id)) {
    const { reference, slot } = unfinished;
    throw new TorporError(
      'E_BANK_BUSY',
      `${reference} is being restored to slot ${slot}: that was not finished`,
      {
        facts: { reference, slot },
        hint: `finish it first: \`torpor restore ${reference} --slot ${slot}\``,
      },
    );
  }
  const ids = new Set(removed.keys());
  return { snapshots: [...removed.values()], ...measureOwnBytes(bank, entries, ids) };
}

/**
 * The name of an OS stands for its newest snapshot elsewhere; nobody should lose that one by a short name.
 */
function requireNamed(entries: readonly SnapshotEntry[], reference: string): SnapshotEntry {
  const entry = findEntry(entries, reference);
  if (reference !== entry.os) return entry;
  throw new TorporError('E_USAGE', `“${reference}” is an OS, not a snapshot`, {
    facts: { reference },
    hint: `name it whole, such as ${entry.reference}`,
  });
}

/**
 * Removes snapshots: from index.json first, then the blobs that nothing refers to any more. A power
 * cut leaves them there, or gone with blobs that the next writer removes.
 */
export function removeSnapshots(
  bank: Bank,
  plan: RemovalPlan,
): { readonly blobs: number; readonly bytes: number } {
  const index = bank.index();
  const gone = new Set(plan.snapshots.map(({ digest }) => digest));
  bank.commit({ ...index, manifests: index.manifests.filter(({ digest }) => !gone.has(digest)) });
  return collectGarbage(bank);
}
