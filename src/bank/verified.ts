import type { Bank } from './bank.ts';
import { replaceFile } from './blobs.ts';
import type { SnapshotEntry } from './snapshot.ts';

/**
 * Names of snapshots whose pages were compared with their digests on this machine: when they were
 * saved, or by a verification of every page. Only such packs are searched for pages that a new
 * snapshot shares, so that a page that lies about its digest reaches no other snapshot.
 */
const DIRECTORY = 'torpor/verified';

export function isVerified(bank: Bank, entry: SnapshotEntry): boolean {
  return Buffer.from(bank.storage.read(path(entry.id)) ?? []).toString() === entry.digest;
}

/** The bank must be open for writing. */
export function markVerified(bank: Bank, entry: Pick<SnapshotEntry, 'id' | 'digest'>): void {
  bank.storage.makeDirectory(DIRECTORY);
  replaceFile(bank.storage, path(entry.id), Buffer.from(entry.digest));
}

/** Forgets the snapshots that are gone. */
export function dropVerified(bank: Bank, ids: ReadonlySet<string>): void {
  for (const id of bank.storage.list(DIRECTORY)) if (!ids.has(id)) bank.storage.remove(`${DIRECTORY}/${id}`);
}

function path(id: string): string {
  return `${DIRECTORY}/${id}`;
}
