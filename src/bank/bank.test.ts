import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { asyncFailure, failure } from '../base/errors.fixture.ts';
import { PAGE_BYTES } from '../base/units.ts';
import { openStorage } from '../sys/linux/storage.ts';
import { FakeStorage } from '../sys/storage.fake.ts';
import { diskRegion, FakeRegion, facts, memoryRegion, newBank } from './bank.fixture.ts';
import { Bank } from './bank.ts';
import type { RegionSource } from './region.ts';
import { verifySnapshot } from './verify.ts';

const PAGES = 3000;

/** Pages of every kind: free, zero, one of its own, one that others have too. */
function mixedPages(pages: number, salt = 0): (number | null)[] {
  return Array.from({ length: pages }, (_, page) => {
    if (page % 7 === 3 || (page > 500 && page < 900)) return null;
    if (page % 5 === 0) return 0;
    return page % 11 === 0 ? 42 : salt * 100_000 + page + 1;
  });
}

async function placeAll(
  bank: Bank,
  reference: string,
  sources: readonly RegionSource[],
): Promise<FakeRegion[]> {
  const snapshot = bank.find(reference);
  await verifySnapshot(bank, snapshot);
  await verifySnapshot(bank, snapshot, { depth: 'pages' });
  const targets = sources.map((source) => FakeRegion.blank(source.region));
  await bank.place(snapshot, targets);
  assert.deepEqual(await bank.check(snapshot, targets), []);
  return targets;
}

test('what several regions share is read from the bank once', async () => {
  const { bank, storage } = newBank();
  const shared = Array.from({ length: 2000 }, (_, page) => page + 1);
  const regions = [memoryRegion(2000), diskRegion('vda', 2000)];
  await bank.save({
    description: facts(),
    sources: regions.map((region) => new FakeRegion(region, shared)),
  });
  const snapshot = bank.find('debian13@monday');
  const readAt = storage.readAt.bind(storage);
  const place = async (which: readonly (typeof regions)[number][]): Promise<number> => {
    const targets = which.map((region) => FakeRegion.blank(region));
    let bytes = 0;
    storage.readAt = (path, offset, into) => {
      if (path.includes('sha256')) bytes += into.length;
      return readAt(path, offset, into);
    };
    await bank.place(snapshot, targets);
    for (const { content } of targets) assert.deepEqual(content, shared);
    return bytes;
  };
  const one = await place(regions.slice(1));
  const both = await place(regions);
  // A page map more, but no page.
  assert.ok(both < 1.2 * one, `${both} bytes, ${one} for one of them`);
});

test('what is saved is placed, checked and read again, page for page', async () => {
  const { bank, storage } = newBank();
  const sources = [
    new FakeRegion(memoryRegion(PAGES), mixedPages(PAGES)),
    new FakeRegion(diskRegion('vda', 700), mixedPages(700)),
  ];
  const saved = await bank.save({ description: facts(), sources });
  assert.equal(saved.reference, 'debian13@monday');
  const targets = await placeAll(bank, 'debian13@monday', sources);
  for (const [number, target] of targets.entries()) {
    assert.deepEqual(target.content, sources[number]!.content);
    assert.equal(target.touched, target.region.pages);
    assert.equal(target.flushed, 1);
  }
  // The disk holds nothing that the memory does not.
  const different = new Set(sources[0]!.content.filter((value) => value !== null && value !== 0));
  assert.equal(saved.newBytes, different.size * PAGE_BYTES);
  bank.close();
  const again = Bank.open(storage);
  const reader = again.reader(again.find('debian13'), 'disk:vda');
  for (const [page, value] of sources[1]!.content.entries()) {
    const read = reader.read(page);
    if (typeof read === 'string') assert.equal(read, value === null ? 'free' : 'zero');
    else assert.equal(Buffer.from(read).readDoubleLE(PAGE_BYTES - 8), value);
  }
  failure('E_NO_SNAPSHOT', () => again.reader(again.find('debian13'), 'disk:vdb'));
});

test('the same on the real filesystem', async () => {
  const place = mkdtempSync(join(tmpdir(), 'torpor-bank-'));
  try {
    const bank = Bank.create(openStorage(place));
    const sources = [new FakeRegion(memoryRegion(PAGES), mixedPages(PAGES))];
    await bank.save({ description: facts(), sources });
    failure('E_BANK_BUSY', () => Bank.open(openStorage(place), { write: true }));
    bank.close();
    const again = Bank.open(openStorage(place), { write: true });
    const [target] = await placeAll(again, 'debian13@monday', sources);
    assert.deepEqual(target!.content, sources[0]!.content);
    again.close();
  } finally {
    rmSync(place, { recursive: true });
  }
});

test('a second snapshot stores what has changed, with the fingerprints of the first or without', async () => {
  for (const forget of [false, true]) {
    const { bank, storage } = newBank();
    const region = memoryRegion(PAGES);
    const first = new FakeRegion(region, mixedPages(PAGES));
    await bank.save({ description: facts(), sources: [first] });
    if (forget)
      for (const path of storage.paths().filter((p) => p.includes('fingerprints'))) storage.remove(path);
    const second = new FakeRegion(region, first.content);
    for (let page = 2000; page < 2100; page += 1) second.content[page] = 1_000_000 + page;
    const saved = await bank.save({ description: facts('debian13', 'tuesday'), sources: [second] });
    assert.equal(saved.newBytes, 100 * PAGE_BYTES);
    const snapshot = bank.find('debian13@tuesday');
    assert.equal(snapshot.parent, bank.find('debian13@monday').id);
    assert.deepEqual((await placeAll(bank, 'debian13@tuesday', [second]))[0]!.content, second.content);
    assert.deepEqual((await placeAll(bank, 'debian13@monday', [first]))[0]!.content, first.content);
  }
});

test('another OS shares pages through the index; a lost or damaged index costs only space', async () => {
  for (const damage of ['none', 'lost', 'damaged'] as const) {
    const { bank, storage } = newBank();
    const region = memoryRegion(PAGES);
    const one = new FakeRegion(region, mixedPages(PAGES));
    await bank.save({ description: facts('one'), sources: [one] });
    for (const path of storage.paths().filter((p) => p.startsWith('torpor/index'))) {
      if (damage === 'lost') storage.remove(path);
      const bytes = storage.read(path) ?? new Uint8Array(0);
      bytes[100]! ^= 1;
      if (damage === 'damaged') storage.overwrite(path, bytes);
    }
    const other = new FakeRegion(region, one.content.toReversed());
    const saved = await bank.save({ description: facts('other'), sources: [other] });
    // A lost one is made anew from the packs.
    assert.equal(saved.newBytes === 0, damage !== 'damaged');
    assert.deepEqual((await placeAll(bank, 'other@monday', [other]))[0]!.content, other.content);
  }
});

test('check() names the pages that are not the snapshot’s', async () => {
  const { bank } = newBank();
  const source = new FakeRegion(memoryRegion(600), mixedPages(600));
  await bank.save({ description: facts(), sources: [source] });
  const target = new FakeRegion(source.region, source.content);
  target.content[11] = 7;
  target.content[12] = 8;
  target.content[15] = 9;
  target.content[3] = 10; // free in the snapshot
  assert.deepEqual(await bank.check(bank.find('debian13'), [target]), [
    { region: 'memory', start: 11, end: 13 },
    { region: 'memory', start: 15, end: 16 },
  ]);
});

test('snapshots are found by reference, OS, id and digest', async () => {
  const { bank } = newBank();
  const source = new FakeRegion(memoryRegion(8), [1, 2, 3]);
  const saved = await bank.save({ description: facts(), sources: [source] });
  for (const text of [
    'debian13@monday',
    'debian13',
    saved.id,
    saved.id.slice(0, 8),
    saved.digest,
    saved.digest.slice(7, 15),
  ]) {
    assert.equal(bank.find(text).digest, saved.digest);
  }
  for (const text of ['debian12', saved.id.slice(0, 4), 'ffffffffffffffff'])
    failure('E_NO_SNAPSHOT', () => bank.find(text));
  const again = bank.save({ description: facts(), sources: [source] });
  await asyncFailure('E_SNAPSHOT_EXISTS', again);
});

test('a read error or a full disk leaves the bank as it was, with its space', async () => {
  const { bank, storage } = newBank();
  const source = new FakeRegion(memoryRegion(PAGES), mixedPages(PAGES));
  await bank.save({ description: facts(), sources: [source] });
  const before = storage.paths();
  const broken = new FakeRegion(memoryRegion(PAGES), mixedPages(PAGES, 1));
  broken.unreadable = 2500;
  await assert.rejects(bank.save({ description: facts('other'), sources: [broken] }), /page 2500/);
  assert.deepEqual(storage.paths(), before);
  storage.capacityBytes = storage.usedBytes() + 300_000;
  broken.unreadable = null;
  await asyncFailure('E_BANK_FULL', bank.save({ description: facts('other'), sources: [broken] }));
  assert.deepEqual(storage.paths(), before);
  storage.capacityBytes = Number.POSITIVE_INFINITY;
  await bank.save({ description: facts('other'), sources: [broken] });
});

test('a bank is refused where there is none, where there is one, with a wrong layout, without its key', () => {
  failure('E_NO_BANK', () => Bank.open(new FakeStorage()));
  const { storage, bank } = newBank();
  bank.close();
  failure('E_BANK_FORMAT', () => Bank.create(storage));
  Bank.open(storage, { write: true }).close();
  storage.overwrite('torpor/key.age', Buffer.from('age'));
  failure('E_BANK_KEY', () => Bank.open(storage));
  storage.overwrite('oci-layout', Buffer.from('{"imageLayoutVersion":"2.0.0"}'));
  failure('E_BANK_FORMAT', () => Bank.open(storage));
  storage.remove('torpor/key.age');
  storage.overwrite('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}'));
  storage.overwrite('index.json', Buffer.from('{'));
  failure('E_BANK_DAMAGED', () => Bank.open(storage));
});

test('restores are counted and written down', async () => {
  const { bank } = newBank();
  await bank.save({ description: facts(), sources: [new FakeRegion(memoryRegion(8), [1])] });
  const snapshot = bank.find('debian13');
  assert.equal(bank.generation(snapshot), 0);
  assert.equal(bank.nextGeneration(snapshot), 1);
  assert.equal(bank.nextGeneration(snapshot), 2);
  assert.equal(bank.unfinishedRestore(), null);
  const record = bank.beginRestore(snapshot, 3);
  assert.deepEqual(bank.unfinishedRestore(), record);
  bank.endRestore();
  assert.equal(bank.unfinishedRestore(), null);
});
