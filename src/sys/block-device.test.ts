import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { failure } from '../base/errors.fixture.ts';
import { describeBlockDevice } from './block-device.contract.ts';
import { FakeDisk } from './block-device.fake.ts';
import { openBlockDevice } from './linux/block-device.ts';

const root = mkdtempSync(join(tmpdir(), 'torpor-disk-'));
after(() => rmSync(root, { recursive: true }));

describeBlockDevice('FakeDisk', (mode) => {
  const disk = new FakeDisk('/dev/vdb', new Uint8Array(65_536).fill(7));
  return { device: disk.device(mode), path: disk.path };
});

// A file stands for a disk: the ioctls are tried in the lab.
let files = 0;
describeBlockDevice('the running kernel', (mode) => {
  files += 1;
  const path = join(root, `disk${files}`);
  writeFileSync(path, new Uint8Array(65_536).fill(7));
  return { device: openBlockDevice(path, mode), path };
});

test('a disk that is not there says so', () => {
  const path = join(root, 'missing');
  const { facts } = failure('E_SYSCALL', () => openBlockDevice(path, 'read'));
  assert.deepEqual(facts, { call: 'open', path, errno: 'ENOENT' });
});

test('a disk that this kernel holds is not opened for writing', () => {
  const disk = new FakeDisk('/dev/vdb', new Uint8Array(4096));
  disk.isHeld = true;
  disk.device('read').close();
  assert.equal(failure('E_SYSCALL', () => disk.device('write')).facts.errno, 'EBUSY');
  assert.equal(disk.open, 0);
});
