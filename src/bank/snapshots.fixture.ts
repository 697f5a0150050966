import assert from 'node:assert/strict';
import { diskRegion, FakeRegion, facts, memoryRegion } from './bank.fixture.ts';
import type { Bank } from './bank.ts';
import type { Saved, Snapshot } from './snapshot.ts';

/** Pages of memory and of one disk, as FakeRegion has them: a number, 0 for zeros, null for free. */
export interface FrozenContent {
  readonly memory: readonly (number | null)[];
  readonly disk?: readonly (number | null)[];
}

/** The numbers from `from` on, before `to`. */
export const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, at) => from + at);

function regionsOf({ memory, disk }: FrozenContent): FakeRegion[] {
  const slot = new FakeRegion(memoryRegion(memory.length), memory);
  return disk === undefined ? [slot] : [slot, new FakeRegion(diskRegion('root', disk.length), disk)];
}

/** Saves `OS@TAG`. */
export async function saveFrozen(
  bank: Bank,
  reference: string,
  content: FrozenContent,
  createdMs = 1_700_000_000_000,
): Promise<Saved> {
  const [os, tag] = reference.split('@');
  return await bank.save({ description: { ...facts(os, tag), createdMs }, sources: regionsOf(content) });
}

/** The snapshot must come back exactly as it was frozen. */
export async function requireContent(bank: Bank, snapshot: Snapshot, content: FrozenContent): Promise<void> {
  const wanted = regionsOf(content);
  const targets = wanted.map(({ region }) => FakeRegion.blank(region));
  await bank.place(snapshot, targets);
  assert.deepEqual(
    targets.map((target) => target.content),
    wanted.map((region) => region.content),
  );
}
