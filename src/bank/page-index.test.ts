import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import { FakeStorage } from '../sys/storage.fake.ts';
import { FakeRegion, facts, memoryRegion, newBank } from './bank.fixture.ts';
import { blobPath, TMP } from './blobs.ts';
import { indexPacks, restorePageIndex } from './index-packs.ts';
import { NewPages } from './new-pages.ts';
import { PackStore } from './pack-store.ts';
import { addSegments, INDEX_DIRECTORY, PageIndex } from './page-index.ts';
import { openSeal } from './seal.ts';

const digestOf = (number: number): Buffer => hash('sha256', String(number), 'buffer');

function storageWithTmp(): FakeStorage {
  const storage = new FakeStorage();
  storage.makeDirectory(TMP);
  return storage;
}

test('new pages are found in memory and in the files that memory spills into', () => {
  for (const capacity of [16, 8192]) {
    const pages = new NewPages(storageWithTmp(), capacity);
    for (let number = 0; number < 6000; number += 1) {
      assert.equal(pages.find(digestOf(number)), false);
      pages.add(digestOf(number), number % 7, number);
      if (capacity === 16 && number === 600) break;
    }
    const last = capacity === 16 ? 600 : 5999;
    for (let number = 0; number <= last; number += 1) {
      assert.equal(pages.find(digestOf(number)), true, String(number));
      assert.deepEqual([pages.pack, pages.page], [number % 7, number]);
    }
    assert.equal(pages.find(digestOf(last + 1)), false);
  }
});

/** A blob that only has to be there. */
const PACK = `sha256:${'a'.repeat(64)}`;

/** A PackStore to which every digest is a pack. */
class AnyPack extends PackStore {
  readonly digests: string[] = [];

  override useDigest(digest: string): number {
    if (!this.digests.includes(digest)) this.digests.push(digest);
    return this.digests.indexOf(digest);
  }
}

test('segments are merged, so that there are few of them, and find every page', () => {
  const storage = storageWithTmp();
  storage.makeDirectory('blobs/sha256');
  storage.overwrite(blobPath(PACK), new Uint8Array(1));
  const gone = `sha256:${'b'.repeat(64)}`;
  let number = 0;
  for (let save = 0; save < 40; save += 1) {
    const pages = new NewPages(storage);
    for (let page = 0; page < 150; page += 1) {
      pages.add(digestOf(number), page % 2, page);
      number += 1;
    }
    addSegments(storage, pages.takeSegments(), [PACK, gone]);
  }
  const segments = storage.list(INDEX_DIRECTORY);
  assert.ok(segments.length <= 7, String(segments));
  assert.deepEqual(storage.list(TMP), []);
  const packs = new AnyPack(storage, openSeal);
  const index = new PageIndex(storage, packs);
  for (let page = 0; page < number; page += 1) {
    const found = index.find(digestOf(page));
    // Entries of packs that are gone are dropped by a merge.
    if ((page % 150) % 2 === 0) {
      assert.ok(found, String(page));
      assert.equal(packs.digests[index.pack], PACK);
      assert.equal(index.page, page % 150);
    }
  }
  assert.equal(index.find(digestOf(number)), false);
});

test('a full disk makes the index incomplete, nothing else', () => {
  const storage = storageWithTmp();
  const pages = new NewPages(storage);
  pages.add(digestOf(1), 0, 0);
  const segments = pages.takeSegments();
  storage.capacityBytes = storage.usedBytes();
  addSegments(storage, segments, [PACK]);
  assert.deepEqual(storage.list(INDEX_DIRECTORY), []);
  assert.deepEqual(storage.list(TMP), []);
});

test('the index is made anew from the packs of verified snapshots when it is lost', async () => {
  const { bank, storage } = newBank();
  const region = memoryRegion(500);
  const pages = Array.from({ length: 500 }, (_, page) => page + 1);
  await bank.save({ description: facts('one'), sources: [new FakeRegion(region, pages)] });
  const save = (os: string) =>
    bank.save({ description: facts(os), sources: [new FakeRegion(region, pages.toReversed())] });
  const lose = (directory: string): void => {
    for (const name of storage.list(directory)) storage.remove(`${directory}/${name}`);
  };
  lose(INDEX_DIRECTORY);
  assert.equal((await save('two')).newBytes, 0);
  lose(INDEX_DIRECTORY);
  lose('torpor/verified');
  assert.notEqual((await save('three')).newBytes, 0);
  lose(INDEX_DIRECTORY);
  restorePageIndex(bank);
  indexPacks(bank, bank.find('one'));
  assert.equal((await save('four')).newBytes, 0);
});
