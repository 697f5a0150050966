import assert from 'node:assert/strict';
import test from 'node:test';
import { asyncFailure, failure } from '../base/errors.fixture.ts';
import { FakeStorage } from '../sys/storage.fake.ts';
import { Bank } from './bank.ts';
import { BLOBS } from './blobs.ts';
import { pruneBank } from './prune.ts';
import { planPrune } from './prune-plan.ts';
import { planRemoval, removeSnapshots } from './remove.ts';
import { type FrozenContent, range, requireContent, saveFrozen } from './snapshots.fixture.ts';
import { measureBank } from './stats.ts';
import { verifySnapshot } from './verify.ts';

/** Most of the first one's pages are in no other. */
const FIRST: FrozenContent = { memory: [...range(1, 600), 0, null], disk: range(1000, 1010) };
const SECOND: FrozenContent = {
  memory: [...range(500, 600), null, ...range(1, 4), 5, 0, 700],
  disk: [1003, 1002],
};

async function newBank(storage = new FakeStorage()): Promise<Bank> {
  const bank = Bank.create(storage);
  await saveFrozen(bank, 'tiny@a', FIRST, 1);
  await saveFrozen(bank, 'tiny@b', SECOND, 2);
  return bank;
}

const remove = (bank: Bank, ...references: string[]) => removeSnapshots(bank, planRemoval(bank, references));

test('a bank without waste is left as it is', async () => {
  const bank = await newBank();
  const before = (bank.storage as FakeStorage).paths();
  const { oldPacks, removedBlobs, rewritten } = await pruneBank(bank);
  assert.deepEqual([oldPacks, removedBlobs, rewritten], [0, 0, []]);
  assert.deepEqual((bank.storage as FakeStorage).paths(), before);
});

test('a pack that is mostly dead is written anew; ids, names and pages stay', async () => {
  const bank = await newBank();
  const { id, digest } = bank.find('tiny@b');
  remove(bank, 'tiny@a');
  const { packs, reclaimBytes } = await planPrune(bank);
  assert.deepEqual(
    packs.map((pack) => [pack.pages, pack.livePages]),
    [[609, 106]],
  );
  const pruned = await pruneBank(bank);
  assert.deepEqual([pruned.oldPacks, pruned.newPacks, pruned.rewritten], [1, 1, ['tiny@b']]);
  assert.ok(Math.abs(pruned.removedBytes - pruned.writtenBytes - reclaimBytes) < 0.05 * reclaimBytes);
  const snapshot = bank.find('tiny@b');
  assert.equal(snapshot.id, id);
  assert.notEqual(snapshot.digest, digest);
  await verifySnapshot(bank, snapshot, { depth: 'pages' });
  await requireContent(bank, snapshot, SECOND);
  assert.equal((await measureBank(bank)).deadBytes, 0);
  assert.equal((await pruneBank(bank)).oldPacks, 0);
});

test('what was moved is found again by the next save', async () => {
  const bank = await newBank();
  remove(bank, 'tiny@a');
  await pruneBank(bank);
  const again = await saveFrozen(bank, 'other@c', { memory: range(500, 600) });
  assert.equal(again.newBytes, 0);
});

test('many small packs become one', async () => {
  const bank = Bank.create(new FakeStorage());
  for (const day of range(1, 18)) await saveFrozen(bank, `tiny@${day}`, { memory: [1, 2, 100 + day] }, day);
  assert.equal((await measureBank(bank)).packs, 17);
  const pruned = await pruneBank(bank);
  assert.deepEqual([pruned.oldPacks, pruned.newPacks, pruned.rewritten.length], [17, 1, 17]);
  for (const day of range(1, 18))
    await requireContent(bank, bank.find(`tiny@${day}`), { memory: [1, 2, 100 + day] });
  assert.equal((await measureBank(bank)).packs, 1);
});

test('removal gives back the blobs of the removed snapshot alone, and says so before', async () => {
  const bank = await newBank();
  const used = bank.storage.list(BLOBS).length;
  failure('E_USAGE', () => planRemoval(bank, ['tiny']));
  const plan = planRemoval(bank, ['tiny@b', 'tiny@b']);
  assert.deepEqual(
    plan.snapshots.map(({ reference }) => reference),
    ['tiny@b'],
  );
  const { blobs, bytes } = removeSnapshots(bank, plan);
  assert.deepEqual([blobs, bytes], [plan.blobs, plan.bytes]);
  assert.equal(bank.storage.list(BLOBS).length, used - blobs);
  failure('E_NO_SNAPSHOT', () => bank.find('tiny@b'));
  await requireContent(bank, bank.find('tiny@a'), FIRST);
});

test('nothing goes that an unfinished restore needs', async () => {
  const bank = await newBank();
  bank.beginRestore(bank.find('tiny@a'), 1);
  failure('E_BANK_BUSY', () => planRemoval(bank, ['tiny@a']));
  await asyncFailure('E_BANK_BUSY', pruneBank(bank));
  assert.equal(planRemoval(bank, ['tiny@b']).snapshots.length, 1);
});

test('a full disk leaves the old packs', async () => {
  const storage = new FakeStorage();
  const bank = await newBank(storage);
  remove(bank, 'tiny@a');
  const before = storage.paths();
  const { newBytes } = await planPrune(bank);
  for (const room of [10_000, newBytes + 1000]) {
    storage.capacityBytes = storage.usedBytes() + room;
    await asyncFailure('E_BANK_FULL', pruneBank(bank));
    assert.deepEqual(storage.paths(), before);
  }
  storage.capacityBytes = Number.POSITIVE_INFINITY;
  assert.equal((await pruneBank(bank)).oldPacks, 1);
  await requireContent(bank, bank.find('tiny@b'), SECOND);
});
