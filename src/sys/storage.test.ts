import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { failure } from '../base/errors.fixture.ts';
import { openStorage } from './linux/storage.ts';
import { describeStorage } from './storage.contract.ts';
import { FakeStorage } from './storage.fake.ts';

const root = mkdtempSync(join(tmpdir(), 'torpor-storage-'));
after(() => rmSync(root, { recursive: true }));

describeStorage('a directory of the running system', () => openStorage(mkdtempSync(join(root, 'd-'))));
describeStorage('the fake', () => new FakeStorage());

function write(storage: FakeStorage, path: string, sync: boolean): void {
  const file = storage.create(path);
  file.append(Buffer.from('content'));
  if (sync) file.sync();
  file.close();
}

test('the fake loses in a power cut what was not synced: content, names, renames, removals', () => {
  const storage = new FakeStorage();
  write(storage, 'named', true);
  write(storage, 'unsynced', false);
  storage.syncDirectory('.');
  write(storage, 'unnamed', true);
  const found = storage.afterPowerCut('lost');
  assert.deepEqual(found.paths(), ['named', 'unsynced']);
  assert.equal(found.size('named'), 7);
  assert.equal(found.size('unsynced'), 0);
  storage.rename('unnamed', 'named');
  storage.remove('unsynced');
  assert.deepEqual(storage.afterPowerCut('lost').paths(), ['named', 'unsynced']);
  assert.deepEqual(storage.afterPowerCut('kept').paths(), ['named']);
  storage.syncDirectory('.');
  assert.deepEqual(storage.afterPowerCut('lost').paths(), ['named']);
});

test('the fake keeps in a power cut any part of what was not synced', () => {
  const sizes = new Set<number | null>();
  const contents = new Set<string>();
  for (let seed = 0; seed < 200; seed += 1) {
    const storage = new FakeStorage();
    write(storage, 'a', false);
    const found = storage.afterPowerCut({ seed });
    sizes.add(found.size('a'));
    contents.add(Buffer.from(found.read('a') ?? []).toString());
  }
  assert.deepEqual([...sizes].toSorted(), [0, 1, 2, 3, 4, 5, 6, 7, null].toSorted());
  assert.ok(contents.has('content') && contents.has('\0'.repeat(7)));
});

test('the fake has a size, and fails on demand', () => {
  const storage = new FakeStorage();
  storage.capacityBytes = 10;
  write(storage, 'a', true);
  assert.equal(storage.freeBytes(), 3);
  assert.equal(failure('E_SYSCALL', () => write(storage, 'b', true)).facts.errno, 'ENOSPC');
  storage.beforeRead = (path) => {
    throw new Error(`no ${path}`);
  };
  assert.throws(() => storage.read('a'), /no a/);
});
