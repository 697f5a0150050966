import * as z from 'zod';
import type { Bank } from './bank.ts';
import { replaceFile } from './blobs.ts';
import { decodingBlob } from './damage.ts';
import { snapshotIdSchema } from './description.ts';
import { decodeJson, encodeJson } from './oci.ts';
import type { SnapshotEntry } from './snapshot.ts';

const FILE = 'torpor/generations.json';

/** How often each snapshot was restored, by id. */
const schema = z.record(snapshotIdSchema, z.int().min(0));

/** Throws E_BANK_DAMAGED. */
export function generationOf(bank: Bank, snapshot: SnapshotEntry): number {
  return readGenerations(bank)[snapshot.id] ?? 0;
}

/** Counts a restore; durable when it returns. Throws E_BANK_DAMAGED. */
export function nextGeneration(bank: Bank, snapshot: SnapshotEntry): number {
  const generations = readGenerations(bank);
  const generation = (generations[snapshot.id] ?? 0) + 1;
  const known = new Set(bank.snapshots().map((entry) => entry.id));
  const kept = Object.entries(generations).filter(([id]) => known.has(id));
  replaceFile(bank.storage, FILE, encodeJson({ ...Object.fromEntries(kept), [snapshot.id]: generation }));
  return generation;
}

function readGenerations(bank: Bank): Record<string, number> {
  const bytes = bank.storage.read(FILE);
  return bytes === null ? {} : decodingBlob(bank.storage.place, FILE, () => decodeJson(schema, bytes));
}
