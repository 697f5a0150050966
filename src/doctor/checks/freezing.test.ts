import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe } from '../probe.fixture.ts';
import { freezing } from './freezing.ts';

const mounts = (text: string) => ({ files: { '/proc/self/mounts': text } });

test('local file systems are fine', () => {
  assert.equal(
    probe(freezing, mounts('/dev/sda1 / ext4 rw 0 0\nfusectl /sys/fs/fuse/connections fusectl rw 0 0\n'))
      .status,
    'ok',
  );
});

test('servers that may not answer are named', () => {
  const found = probe(freezing, mounts('srv:/home /home nfs4 rw 0 0\nsshfs /mnt fuse.sshfs rw 0 0\n'));
  assert.equal(found.status, 'warning');
  assert.equal(found.remedy, 'if that happens: umount /home /mnt');
});
