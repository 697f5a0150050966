import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TorporError } from '../base/errors.ts';
import { FakeStorage, type PowerCut } from '../sys/storage.fake.ts';
import { FakeRegion, facts, memoryRegion } from './bank.fixture.ts';
import { Bank } from './bank.ts';
import { BLOBS, TMP } from './blobs.ts';
import { verifySnapshot } from './verify.ts';

/**
 * The power is cut after every single change of files, not at random: each test counts how many
 * there were. After each, the directory is looked at as it could be found: unsynced writes lost,
 * kept, or kept in part.
 */
const CUTS: readonly PowerCut[] = ['lost', 'kept', { seed: 1 }, { seed: 2 }];

const PAGES = 520;
const OLD = Array.from({ length: PAGES }, (_, page) => (page % 9 === 0 ? null : page % 5 === 0 ? 0 : page));
/** Every second page differs. */
const NEW = OLD.map((value, page) => (page % 2 === 0 ? page + 10_000 : value));

const region = memoryRegion(PAGES);

/** A bank with one snapshot, as it is found after a power cut: whatever was not synced is missing. */
async function bankWithOld(): Promise<FakeStorage> {
  const storage = new FakeStorage();
  const bank = Bank.create(storage);
  await bank.save({ description: facts('os', 'old'), sources: [new FakeRegion(region, OLD)] });
  bank.close();
  return storage.afterPowerCut('lost');
}

/** The directory after each change that `action` makes, for each kind of cut. */
async function statesAfterEachChange(
  storage: FakeStorage,
  action: () => Promise<void> | void,
): Promise<{ boundaries: number; states: { at: string; storage: FakeStorage }[] }> {
  const states: { at: string; storage: FakeStorage }[] = [];
  let boundaries = 0;
  const take = (what: string): void => {
    for (const cut of cutsOf(what)) {
      const at = `${boundaries}. ${what}, ${JSON.stringify(cut)}`;
      states.push({ at, storage: storage.afterPowerCut(cut) });
    }
    boundaries += 1;
  };
  take('before all');
  storage.onChange = take;
  await action();
  storage.onChange = null;
  return { boundaries, states };
}

/** A write into a slot leaves the bank's files as they are: they are found in one way only. */
function cutsOf(what: string): readonly PowerCut[] {
  return what.startsWith('target') ? ['lost'] : CUTS;
}

/** Verifies and places a snapshot and compares what was placed. */
async function checkWhole(bank: Bank, reference: string, content: readonly (number | null)[]): Promise<void> {
  const snapshot = bank.find(reference);
  await verifySnapshot(bank, snapshot);
  const target = FakeRegion.blank(region);
  await bank.place(snapshot, [target]);
  assert.deepEqual(target.content, content);
}

/** Everything under blobs/ is needed by a snapshot that the index names. */
function checkNoGarbage(bank: Bank, storage: FakeStorage): void {
  const needed = new Set<string>();
  for (const entry of bank.snapshots()) {
    const { config, layers } = bank.manifest(entry);
    for (const digest of [entry.digest, config.digest, ...layers.map((layer) => layer.digest)])
      needed.add(digest.slice(7));
  }
  assert.deepEqual(storage.list(BLOBS), [...needed].toSorted());
  assert.deepEqual(storage.list(TMP), []);
}

test('power cuts while a bank is made', async (context) => {
  const storage = new FakeStorage();
  const { boundaries, states } = await statesAfterEachChange(storage, () => Bank.create(storage).close());
  let made = 0;
  for (const state of states) {
    try {
      Bank.open(state.storage, { write: true }).close();
      made += 1;
    } catch (error) {
      assert.ok(error instanceof TorporError && error.code === 'E_NO_BANK', `${state.at}: ${error}`);
      Bank.create(state.storage).close();
      Bank.open(state.storage).close();
    }
  }
  context.diagnostic(`${boundaries} boundaries, ${states.length} states, a bank in ${made}`);
  assert.ok(boundaries >= 12, String(boundaries));
  assert.ok(made > 0 && made < states.length);
});

test('power cuts while a snapshot is saved', async (context) => {
  const storage = await bankWithOld();
  const baseline = storage.usedBytes();
  const bank = Bank.open(storage, { write: true });
  const { boundaries, states } = await statesAfterEachChange(storage, async () => {
    await bank.save({ description: facts('os', 'new'), sources: [new FakeRegion(region, NEW)] });
  });
  let complete = 0;
  for (const [number, state] of states.entries()) {
    const reading = Bank.open(state.storage);
    const names = reading.snapshots().map((entry) => entry.reference);
    const whole = names.includes('os@new');
    assert.deepEqual(names.toSorted(), whole ? ['os@new', 'os@old'] : ['os@old'], state.at);
    const writing = Bank.open(state.storage, { write: true });
    checkNoGarbage(writing, state.storage);
    await checkWhole(writing, 'os@old', OLD);
    if (whole) {
      await checkWhole(writing, 'os@new', NEW);
      complete += 1;
    } else {
      // What was half-made has given its space back, but for the page index, which is a cache.
      const index = state.storage.paths().filter((path) => path.startsWith('torpor/index/'));
      const indexBytes = index.reduce((sum, path) => sum + state.storage.size(path)!, 0);
      assert.ok(state.storage.usedBytes() - indexBytes <= baseline, state.at);
      if (number % 7 === 0) {
        await writing.save({ description: facts('os', 'new'), sources: [new FakeRegion(region, NEW)] });
        await checkWhole(writing, 'os@new', NEW);
      }
    }
    writing.close();
  }
  context.diagnostic(
    `${boundaries} boundaries, ${states.length} states, the snapshot is whole in ${complete}`,
  );
  assert.ok(boundaries >= 40, String(boundaries));
  assert.ok(complete > 0 && complete < states.length);
});

test('power cuts while a snapshot is restored', async (context) => {
  const storage = await bankWithOld();
  const bank = Bank.open(storage, { write: true });
  const snapshot = bank.find('os@old');
  const target = new FakeRegion(region, NEW);
  const contents: { content: (number | null)[]; flushed: number }[] = [];
  const remember = (what: string): void => {
    for (const _ of cutsOf(what)) contents.push({ content: [...target.content], flushed: target.flushed });
  };
  const { boundaries, states } = await statesAfterEachChange(storage, async () => {
    const take = storage.onChange!;
    remember('before all');
    storage.onChange = (what) => {
      take(what);
      remember(what);
    };
    bank.nextGeneration(snapshot);
    bank.beginRestore(snapshot, 1);
    // A write into the slot or onto a disk is a boundary like one into the bank.
    const noisy = watched(target, (what) => storage.onChange!(what));
    await bank.place(snapshot, [noisy]);
    bank.endRestore();
  });
  assert.equal(contents.length, states.length);
  let unfinished = 0;
  for (const [index, state] of states.entries()) {
    const { content, flushed } = contents[index]!;
    const found = Bank.open(state.storage, { write: true });
    const record = found.unfinishedRestore();
    assert.ok(found.generation(snapshot) <= 1);
    if (record === null) {
      const untouched = content.every((value, page) => value === NEW[page]);
      const whole = flushed === 1 && content.every((value, page) => value === OLD[page]);
      assert.ok(untouched || whole, `${state.at}: half-written and nobody knows`);
    } else {
      unfinished += 1;
      assert.equal(record.id, snapshot.id);
      const again = new FakeRegion(region, content);
      await verifySnapshot(found, found.find(record.digest));
      await found.place(found.find(record.digest), [again]);
      found.endRestore();
      assert.deepEqual(again.content, OLD, state.at);
      assert.equal(Bank.open(state.storage.afterPowerCut('lost')).unfinishedRestore(), null);
    }
    await verifySnapshot(found, found.find('os@old'));
    found.close();
  }
  context.diagnostic(`${boundaries} boundaries, ${states.length} states, unfinished in ${unfinished}`);
  assert.ok(boundaries >= 280, String(boundaries));
  assert.ok(unfinished > 0 && unfinished < states.length);
});

/** A target that tells of each change after it. */
function watched(target: FakeRegion, tell: (what: string) => void): FakeRegion {
  return new Proxy(target, {
    get(of, name) {
      const value: unknown = Reflect.get(of, name, of);
      if (typeof value !== 'function') return value;
      return (...given: unknown[]) => {
        const result: unknown = value.apply(of, given);
        tell(`target ${String(name)}`);
        return result;
      };
    },
  });
}
