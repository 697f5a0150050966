import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../base/errors.fixture.ts';
import { FakeSys } from '../sys/fake.ts';
import { freezeFilesystems } from './freeze-filesystems.ts';

/** The second may lie in a file of the first, the third in one of the second. */
const PLACES = ['/', '/srv', '/srv/images'];
const INWARDS = ['freeze /srv/images', 'freeze /srv', 'freeze /'];

test('a filesystem can write when one in a file of it is frozen, and again when that one is thawed', () => {
  const sys = new FakeSys();
  const thaw = freezeFilesystems(sys, PLACES);
  assert.deepEqual(sys.freezeLog.splice(0), INWARDS);
  thaw();
  assert.deepEqual(sys.freezeLog, ['thaw /', 'thaw /srv', 'thaw /srv/images']);
});

test('when one cannot be frozen none stays so', () => {
  const sys = new FakeSys();
  sys.freezeErrno.set('freeze /', 'EBUSY');
  assert.equal(failure('E_SYSCALL', () => freezeFilesystems(sys, PLACES)).facts.errno, 'EBUSY');
  assert.deepEqual(sys.freezeLog, [...INWARDS, 'thaw /srv', 'thaw /srv/images']);
});

test('one that does not know of freezing is only synced', () => {
  const sys = new FakeSys();
  sys.freezeErrno.set('freeze /srv', 'EOPNOTSUPP');
  freezeFilesystems(sys, PLACES)();
  assert.equal(sys.syncs, 1);
  assert.deepEqual(sys.freezeLog, [...INWARDS, 'thaw /', 'thaw /srv/images']);
});
