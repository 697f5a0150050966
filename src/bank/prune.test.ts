import assert from 'node:assert/strict';
import test from 'node:test';
import { asyncFailure, failure } from '../base/errors.fixture.ts';
import { TorporError } from '../base/errors.ts';
import { FakeStorage } from '../sys/storage.fake.ts';
import { Bank } from './bank.ts';
import { measureBlobUse, measureGarbage } from './blob-use.ts';
import { BLOBS, blobPath } from './blobs.ts';
import { exportSnapshot, planExport } from './export.ts';
import { pruneBank } from './prune.ts';
import { planPrune } from './prune-plan.ts';
import { planRemoval, removeSnapshots } from './remove.ts';
import { type FrozenContent, range, requireContent, saveFrozen } from './snapshots.fixture.ts';
import { measureBank } from './stats.ts';
import { verifySnapshot } from './verify.ts';
import { verifySample } from './verify-sample.ts';

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

test('a damaged pack stays as it is, and the others are pruned all the same', async () => {
  const storage = new FakeStorage();
  const bank = await newBank(storage);
  // Wasteful too: one page of it is left.
  await saveFrozen(bank, 'other@x', { memory: range(2000, 2010) }, 3);
  await saveFrozen(bank, 'other@y', { memory: [2000] }, 4);
  remove(bank, 'tiny@a', 'other@x');
  const { digest } = bank.find('other@y').description.packs[0]!;
  for (const damage of ['bit flip', 'read error']) {
    if (damage === 'bit flip')
      storage.overwrite(blobPath(digest), storage.read(blobPath(digest))!.with(200, 0xee));
    else storage.beforeRead = failOn(blobPath(digest));
    const pruned = await pruneBank(bank);
    storage.beforeRead = null;
    assert.deepEqual(pruned.damagedPacks, [digest], damage);
    assert.equal(pruned.oldPacks, damage === 'bit flip' ? 1 : 0);
    await requireContent(bank, bank.find('tiny@b'), SECOND);
    await asyncFailure('E_BANK_DAMAGED', verifySnapshot(bank, bank.find('other@y')));
  }
});

function failOn(path: string): (read: string) => void {
  return (read) => {
    if (read !== path) return;
    const facts = { call: 'read', path, errno: 'EIO' };
    throw new TorporError('E_SYSCALL', `cannot read ${path}: EIO`, { facts });
  };
}

test('read errors stop an export, and are named', async () => {
  const storage = new FakeStorage();
  const bank = await newBank(storage);
  const plan = planExport(bank, bank.find('tiny@a'));
  for (const { digest } of plan.blobs) {
    storage.beforeRead = failOn(blobPath(digest));
    const { facts } = await asyncFailure('E_BANK_DAMAGED', Array.fromAsync(exportSnapshot(bank, plan)));
    assert.deepEqual([facts.blob, facts.what], [digest, 'it cannot be read']);
    storage.beforeRead = null;
  }
});

test('a sample looks at some frames of each pack and finds what is wrong there', async () => {
  const storage = new FakeStorage();
  const bank = await newBank(storage);
  const snapshot = bank.find('tiny@a');
  assert.deepEqual(await verifySample(bank, snapshot, 100), { pages: 609, allPages: 609 });
  const few = await verifySample(bank, snapshot, 1, { random: () => 0.5 });
  assert.deepEqual(few, { pages: 256, allPages: 609 });
  const { digest } = snapshot.description.packs[0]!;
  storage.overwrite(blobPath(digest), storage.read(blobPath(digest))!.with(200, 0xee));
  await asyncFailure('E_BANK_DAMAGED', verifySample(bank, snapshot, 1, { random: () => 0 }));
  await verifySample(bank, snapshot, 1, { random: () => 0.99 });
  for (const percent of [0, -1, 101, Number.NaN])
    await asyncFailure('E_USAGE', verifySample(bank, snapshot, percent));
});

test('with a manifest that is missing nobody knows what a snapshot takes, and nothing is garbage', async () => {
  const storage = new FakeStorage();
  const bank = await newBank(storage);
  const [first, second] = bank.snapshots();
  storage.remove(blobPath(first!.digest));
  const use = measureBlobUse(bank, bank.snapshots());
  assert.equal(use.get(first!.id), null);
  assert.ok(use.get(second!.id)!.ownBytes > 0);
  assert.deepEqual([measureGarbage(bank), planRemoval(bank, ['tiny@b']).bytes], [0, 0]);
  await asyncFailure('E_BANK_DAMAGED', pruneBank(bank));
  await requireContent(bank, bank.find('tiny@b'), SECOND);
});
