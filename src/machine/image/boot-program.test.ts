import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeSys } from '../../sys/fake.ts';
import { warnOfStart } from './boot-program.ts';

test('a system whose initramfs restores nothing is told so', () => {
  assert.match(warnOfStart(new FakeSys())[0]!, /boot\/install/);
  for (const path of [
    '/etc/initramfs-tools/scripts/local-top/torpor',
    '/usr/lib/dracut/modules.d/90torpor/torpor-restore.sh',
  ])
    assert.deepEqual(warnOfStart(new FakeSys({ files: { [path]: '#!/bin/sh\n' } })), []);
});
