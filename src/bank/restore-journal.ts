import * as z from 'zod';
import type { Bank } from './bank.ts';
import { replaceFile } from './blobs.ts';
import { decodingBlob } from './damage.ts';
import { digestSchema, snapshotIdSchema } from './description.ts';
import { decodeJson, encodeJson } from './oci.ts';
import type { RestoreRecord, SnapshotEntry } from './snapshot.ts';

const FILE = 'torpor/restoring.json';

const schema = z.strictObject({
  id: snapshotIdSchema,
  digest: digestSchema,
  reference: z.string().max(256),
  slot: z.int().min(0).max(15),
  startedMs: z.int().min(0),
});

/** Durable when it returns: before the first page of a slot or a disk is overwritten. */
export function beginRestore(bank: Bank, snapshot: SnapshotEntry, slot: number): RestoreRecord {
  const { id, digest, reference } = snapshot;
  const record = { id, digest, reference, slot, startedMs: Date.now() };
  replaceFile(bank.storage, FILE, encodeJson(record));
  return record;
}

/** After everything that was written is durable. */
export function endRestore(bank: Bank): void {
  bank.storage.remove(FILE);
  bank.storage.syncDirectory('torpor');
}

/** Throws E_BANK_DAMAGED. */
export function unfinishedRestore(bank: Pick<Bank, 'storage'>): RestoreRecord | null {
  const bytes = bank.storage.read(FILE);
  return bytes === null ? null : decodingBlob(bank.storage.place, FILE, () => decodeJson(schema, bytes));
}
