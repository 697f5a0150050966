import assert from 'node:assert/strict';
import test from 'node:test';
import { PAGE_BYTES } from '../base/units.ts';
import { FakeStorage } from '../sys/storage.fake.ts';
import { Bank } from './bank.ts';
import { diffSnapshots } from './diff.ts';
import { saveFrozen } from './snapshots.fixture.ts';
import { measureBank } from './stats.ts';

const FIRST = { memory: [1, 2, 3, 0, null, 2], disk: [7, 8, 0, 0] };
const SECOND = { memory: [1, 9, 3, 4, null, null], disk: [7, 8, 0, 5] };

async function newBank(): Promise<Bank> {
  const bank = Bank.create(new FakeStorage());
  await saveFrozen(bank, 'tiny@a', FIRST, 1);
  await saveFrozen(bank, 'tiny@b', SECOND, 2);
  return bank;
}

test('counts pages of snapshots: their own, shared, empty', async () => {
  const bank = await newBank();
  const { snapshots, ...sums } = await measureBank(bank);
  const pages = ({
    rawBytes,
    zeroBytes,
    freeBytes,
    storedBytes,
    ownBytes,
    sharedBytes,
  }: (typeof snapshots)[number]) =>
    [rawBytes, zeroBytes, freeBytes, storedBytes, ownBytes, sharedBytes].map((bytes) => bytes / PAGE_BYTES);
  // Pages 1, 3, 7 and 8 are in both; the first one has its page 2 twice.
  assert.deepEqual(snapshots.map(pages), [
    [10, 3, 1, 6, 2, 4],
    [10, 1, 2, 7, 3, 4],
  ]);
  assert.deepEqual(
    [sums.storedBytes / PAGE_BYTES, sums.distinctBytes / PAGE_BYTES, sums.deadBytes],
    [13, 8, 0],
  );
  assert.deepEqual([sums.dedupRatio, sums.damaged, sums.packs], [1.63, [], 2]);
});

test('differences are told by region, from the page maps', async () => {
  const bank = await newBank();
  const [memory, disk] = await diffSnapshots(bank, bank.find('tiny@a'), bank.find('tiny@b'));
  assert.deepEqual(
    [memory!.key, memory!.samePages, memory!.changedPages, memory!.filledPages, memory!.emptiedPages],
    ['memory', 3, 1, 1, 1],
  );
  assert.deepEqual(memory!.ranges, [
    { start: 1, end: 2 },
    { start: 3, end: 4 },
    { start: 5, end: 6 },
  ]);
  assert.deepEqual([disk!.key, disk!.filledPages, disk!.ranges], ['disk:root', 1, [{ start: 3, end: 4 }]]);
});
