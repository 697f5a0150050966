import { TorporError } from '../base/errors.ts';
import type { Bank } from './bank.ts';
import { BLOBS } from './blobs.ts';
import type { SnapshotEntry } from './snapshot.ts';

/** What a snapshot takes in the bank. */
export interface BlobUse {
  /** Of blobs that no other snapshot needs: what removing it gives back. */
  readonly ownBytes: number;
  /** Of blobs that others need too. */
  readonly sharedBytes: number;
  readonly blobs: number;
}

/**
 * Reads who needs which blobs from the manifests alone, without the key. A snapshot whose manifest
 * is damaged has null: nobody knows what it needs.
 */
export function measureBlobUse(bank: Bank, entries: readonly SnapshotEntry[]): Map<string, BlobUse | null> {
  const needed = new Map(entries.map((entry) => [entry.id, neededBlobs(bank, entry)]));
  const users = new Map<string, number>();
  for (const blobs of needed.values()) {
    for (const digest of blobs?.keys() ?? []) users.set(digest, (users.get(digest) ?? 0) + 1);
  }
  return new Map([...needed].map(([id, blobs]) => [id, blobs === null ? null : sumUse(blobs, users)]));
}

/** Bytes of the blobs that only these snapshots need: what removing all of them gives back. */
export function measureOwnBytes(
  bank: Bank,
  entries: readonly SnapshotEntry[],
  removed: ReadonlySet<string>,
): { readonly blobs: number; readonly bytes: number } {
  const own = new Map<string, number>();
  for (const entry of entries.filter(({ id }) => removed.has(id))) {
    for (const [digest, sizeBytes] of neededBlobs(bank, entry) ?? []) own.set(digest, sizeBytes);
  }
  for (const entry of entries.filter(({ id }) => !removed.has(id))) {
    const blobs = neededBlobs(bank, entry);
    // As long as one manifest cannot be read, nothing is removed.
    if (blobs === null) return { blobs: 0, bytes: 0 };
    for (const digest of blobs.keys()) own.delete(digest);
  }
  return { blobs: own.size, bytes: own.values().reduce((sum, sizeBytes) => sum + sizeBytes, 0) };
}

/** Sizes by digest; null when the manifest is damaged. */
function neededBlobs(bank: Bank, entry: SnapshotEntry): Map<string, number> | null {
  try {
    const { config, layers } = bank.manifest(entry);
    const blobs = new Map([config, ...layers].map(({ digest, size }) => [digest, size]));
    return blobs.set(entry.digest, entry.manifestBytes);
  } catch (error) {
    if (error instanceof TorporError && error.code === 'E_BANK_DAMAGED') return null;
    throw error;
  }
}

function sumUse(blobs: ReadonlyMap<string, number>, users: ReadonlyMap<string, number>): BlobUse {
  let [ownBytes, sharedBytes] = [0, 0];
  for (const [digest, sizeBytes] of blobs) {
    if (users.get(digest) === 1) ownBytes += sizeBytes;
    else sharedBytes += sizeBytes;
  }
  return { ownBytes, sharedBytes, blobs: blobs.size };
}

/** Bytes of blobs that nothing refers to; 0 as long as a manifest cannot be read. */
export function measureGarbage(bank: Bank): number {
  const needed = new Set<string>();
  for (const entry of bank.snapshots()) {
    const blobs = neededBlobs(bank, entry);
    if (blobs === null) return 0;
    for (const digest of blobs.keys()) needed.add(digest.slice('sha256:'.length));
  }
  const garbage = bank.storage.list(BLOBS).filter((name) => !needed.has(name));
  return garbage.reduce((sum, name) => sum + (bank.storage.size(`${BLOBS}/${name}`) ?? 0), 0);
}
