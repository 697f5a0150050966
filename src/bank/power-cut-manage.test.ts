import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { FakeStorage, type PowerCut } from '../sys/storage.fake.ts';
import { Bank } from './bank.ts';
import { BLOBS, TMP } from './blobs.ts';
import { exportSnapshot, planExport } from './export.ts';
import { importSnapshot } from './import.ts';
import { pruneBank } from './prune.ts';
import { planPrune } from './prune-plan.ts';
import { planRemoval, removeSnapshots } from './remove.ts';
import { type FrozenContent, range, requireContent, saveFrozen } from './snapshots.fixture.ts';
import { verifySnapshot } from './verify.ts';

/**
 * The power is cut after every single change of files, not at random. After each, the directory is
 * looked at as it could be found: unsynced writes lost, kept, or kept in part.
 */
const CUTS: readonly PowerCut[] = ['lost', 'kept', { seed: 4 }, { seed: 5 }, { seed: 6 }];

const CONTENT: Readonly<Record<string, FrozenContent>> = {
  'os@a': { memory: [...range(1, 60), 0, null], disk: range(300, 310) },
  'os@b': { memory: [...range(1, 20), null, 0, ...range(400, 410)], disk: [301, 300] },
  'os@c': { memory: [...range(5, 20), ...range(402, 405)] },
};

/** A bank with these snapshots, as it is found after a power cut: whatever was not synced is missing. */
async function bankWith(...references: readonly string[]): Promise<FakeStorage> {
  const storage = new FakeStorage();
  const bank = Bank.create(storage);
  for (const [at, reference] of references.entries())
    await saveFrozen(bank, reference, CONTENT[reference]!, at + 1);
  bank.close();
  return storage.afterPowerCut('lost');
}

interface State {
  readonly at: string;
  readonly storage: FakeStorage;
}

/**
 * The directory after each change that `action` makes in a bank that is open for writing, for each kind of
 * cut.
 */
async function statesAfterEachChange(
  storage: FakeStorage,
  action: (bank: Bank) => unknown,
): Promise<{ boundaries: number; states: State[] }> {
  const states: State[] = [];
  let boundaries = 0;
  const take = (what: string): void => {
    for (const cut of CUTS) {
      states.push({
        at: `${boundaries}. ${what}, ${JSON.stringify(cut)}`,
        storage: storage.afterPowerCut(cut),
      });
    }
    boundaries += 1;
  };
  const bank = Bank.open(storage, { write: true });
  take('before all');
  storage.onChange = take;
  await action(bank);
  storage.onChange = null;
  bank.close();
  return { boundaries, states };
}

/** What was checked already: content → references. Most states come to the same files. */
const checked = new Map<string, string[]>();

/**
 * Opens the bank as the next user would; every snapshot must verify and come back. Returns their
 * references.
 */
async function checkWhole({ at, storage }: State): Promise<string[]> {
  Bank.open(storage).close();
  const bank = Bank.open(storage, { write: true });
  assert.deepEqual(storage.list(TMP), []);
  const content = contentOf(storage);
  const references = checked.get(content) ?? (await checkSnapshots(bank, at));
  checked.set(content, references);
  bank.close();
  return references;
}

/** Of all files but the caches, which are not looked at here. */
function contentOf(storage: FakeStorage): string {
  const sum = createHash('sha256');
  for (const path of storage.paths()) {
    if (/^torpor\/(index|fingerprints)\//.test(path)) continue;
    sum.update(`${path} ${storage.size(path)} `).update(storage.read(path)!);
  }
  return sum.digest('hex');
}

async function checkSnapshots(bank: Bank, at: string): Promise<string[]> {
  const entries = bank.snapshots();
  const needed = new Set<string>();
  for (const entry of entries) {
    const snapshot = bank.load(entry);
    await verifySnapshot(bank, snapshot, { depth: 'pages' });
    await requireContent(bank, snapshot, CONTENT[entry.reference]!);
    const { config, layers } = snapshot.manifest;
    for (const { digest } of [entry, config, ...layers]) needed.add(digest.slice('sha256:'.length));
  }
  assert.deepEqual(bank.storage.list(BLOBS), [...needed].toSorted(), `${at}: space that nobody needs`);
  return entries.map(({ reference }) => reference);
}

test('power cuts while a snapshot is removed', async (context) => {
  const storage = await bankWith('os@a', 'os@b');
  const { boundaries, states } = await statesAfterEachChange(storage, (bank) => {
    removeSnapshots(bank, planRemoval(bank, ['os@a']));
  });
  let removed = 0;
  for (const state of states) {
    const references = await checkWhole(state);
    if (references.length === 1) removed += 1;
    assert.deepEqual(references, references.length === 1 ? ['os@b'] : ['os@a', 'os@b'], state.at);
  }
  context.diagnostic(`${boundaries} boundaries, ${states.length} states, removed in ${removed}`);
  assert.ok(boundaries >= 8, String(boundaries));
  assert.ok(removed > 0 && removed < states.length);
});

test('power cuts while a bank is pruned', async (context) => {
  const storage = await bankWith('os@a', 'os@b', 'os@c');
  const before = Bank.open(storage, { write: true });
  removeSnapshots(before, planRemoval(before, ['os@a']));
  before.close();
  const digests = before.snapshots().map(({ digest }) => digest);
  const { boundaries, states } = await statesAfterEachChange(storage, pruneBank);
  let pruned = 0;
  for (const [number, state] of states.entries()) {
    assert.deepEqual(await checkWhole(state), ['os@b', 'os@c'], state.at);
    const bank = Bank.open(state.storage, { write: true });
    const changed = bank.snapshots().filter(({ digest }, at) => digest !== digests[at]).length;
    assert.ok(changed === 0 || changed === digests.length, `${state.at}: one snapshot without the other`);
    if (changed > 0) pruned += 1;
    assert.equal((await planPrune(bank)).packs.length, changed > 0 ? 0 : 1, state.at);
    if (changed === 0 && number % 7 === 0) {
      await pruneBank(bank);
      assert.equal((await planPrune(bank)).packs.length, 0);
    }
    bank.close();
  }
  context.diagnostic(`${boundaries} boundaries, ${states.length} states, pruned in ${pruned}`);
  assert.ok(boundaries >= 60, String(boundaries));
  assert.ok(pruned > 0 && pruned < states.length);
});

test('power cuts while a snapshot is imported', async (context) => {
  const source = Bank.open(await bankWith('os@a', 'os@b'));
  const plan = planExport(source, source.find('os@b'));
  const archive = await Array.fromAsync(exportSnapshot(source, plan), (chunk) => Buffer.from(chunk));
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    yield* archive;
  };
  // What it shares with the other is there already.
  const storage = await bankWith('os@c');
  const { boundaries, states } = await statesAfterEachChange(storage, (bank) =>
    importSnapshot(bank, chunks()),
  );
  let imported = 0;
  for (const [number, state] of states.entries()) {
    const references = await checkWhole(state);
    const whole = references.length === 2;
    assert.deepEqual(references.toSorted(), whole ? ['os@b', 'os@c'] : ['os@c'], state.at);
    if (whole) imported += 1;
    else if (number % 7 === 0) {
      const bank = Bank.open(state.storage, { write: true });
      await importSnapshot(bank, chunks());
      await requireContent(bank, bank.find('os@b'), CONTENT['os@b']!);
      bank.close();
    }
  }
  context.diagnostic(`${boundaries} boundaries, ${states.length} states, imported in ${imported}`);
  assert.ok(boundaries >= 40, String(boundaries));
  assert.ok(imported > 0 && imported < states.length);
});
