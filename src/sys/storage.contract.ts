import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../base/errors.fixture.ts';
import type { Storage } from './storage.ts';

/** What every Storage does. `open` gives an empty one. */
export function describeStorage(name: string, open: () => Storage): void {
  const check = (what: string, body: (storage: Storage) => void): void => {
    test(`${name}: ${what}`, () => body(open()));
  };
  const write = (storage: Storage, path: string, ...texts: string[]): void => {
    const file = storage.create(path);
    for (const text of texts) file.append(Buffer.from(text));
    file.sync();
    file.close();
    file.close();
  };
  const text = (bytes: Uint8Array | null): string | null => bytes && Buffer.from(bytes).toString();

  check('what is not there is null or empty, and removing it is nothing', (storage) => {
    assert.equal(storage.read('a'), null);
    assert.equal(storage.size('a'), null);
    assert.deepEqual(storage.list('d'), []);
    storage.remove('a');
  });

  check('what is appended is read, whole and in part', (storage) => {
    write(storage, 'a', 'one', '', 'two', 'three');
    assert.equal(text(storage.read('a')), 'onetwothree');
    assert.equal(storage.size('a'), 11);
    const into = Buffer.alloc(5);
    assert.equal(storage.readAt('a', 2, into), 5);
    assert.equal(into.toString(), 'etwot');
    assert.equal(storage.readAt('a', 9, into), 2);
    assert.equal(into.subarray(0, 2).toString(), 'ee');
    assert.equal(storage.readAt('a', 100, into), 0);
    failure('E_SYSCALL', () => storage.readAt('missing', 0, into));
  });

  check('a file can be read while it is written', (storage) => {
    const file = storage.create('a');
    file.append(Buffer.from('one'));
    assert.equal(text(storage.read('a')), 'one');
    file.append(Buffer.from('two'));
    const into = Buffer.alloc(3);
    assert.equal(storage.readAt('a', 3, into), 3);
    assert.equal(into.toString(), 'two');
    file.close();
  });

  check('creating a file empties it; appending copies the bytes', (storage) => {
    write(storage, 'a', 'one');
    const bytes = Buffer.from('two');
    const file = storage.create('a');
    assert.equal(storage.size('a'), 0);
    file.append(bytes);
    bytes.fill(0);
    file.close();
    assert.equal(text(storage.read('a')), 'two');
  });

  check('directories are made with those above, listed in order, and are no files', (storage) => {
    storage.makeDirectory('d/e');
    storage.makeDirectory('d/e');
    write(storage, 'd/b', '1');
    write(storage, 'd/a', '2');
    assert.deepEqual(storage.list('d'), ['a', 'b', 'e']);
    assert.ok(storage.list('.').includes('d'));
    assert.equal(storage.size('d'), null);
    storage.syncDirectory('d');
    storage.syncDirectory('.');
    assert.equal(failure('E_SYSCALL', () => storage.create('missing/a')).facts.errno, 'ENOENT');
  });

  check('a rename replaces, also what was being read', (storage) => {
    storage.makeDirectory('d');
    write(storage, 'a', 'old');
    write(storage, 'd/new', 'new!');
    const into = Buffer.alloc(4);
    assert.equal(storage.readAt('a', 0, into), 3);
    storage.rename('d/new', 'a');
    assert.equal(storage.readAt('a', 0, into), 4);
    assert.equal(into.toString(), 'new!');
    assert.deepEqual(storage.list('d'), []);
    const { facts } = failure('E_SYSCALL', () => storage.rename('missing', 'a'));
    assert.deepEqual([facts.call, facts.errno], ['rename', 'ENOENT']);
    storage.remove('a');
    assert.equal(storage.read('a'), null);
  });

  check('one holds the lock at a time', (storage) => {
    const unlock = storage.lock('lock');
    failure('E_BANK_BUSY', () => storage.lock('lock'));
    unlock();
    unlock();
    storage.lock('lock')();
  });

  check('there is room', (storage) => {
    assert.ok(storage.freeBytes() > 0);
  });
}
