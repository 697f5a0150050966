import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { FakeSys } from '../sys/fake.ts';
import { readRunningConfig } from './running-config.ts';

test('the kernel’s own copy comes first', () => {
  const files = {
    '/proc/config.gz': gzipSync('CONFIG_X86_64=y\nCONFIG_KEXEC=y\n# CONFIG_KEXEC_JUMP is not set\n'),
    '/boot/config-6.12.0-fake': 'CONFIG_X86_64=y\nCONFIG_KEXEC_JUMP=y\n',
  };
  const config = readRunningConfig(new FakeSys({ files }));
  assert.equal(config?.value('CONFIG_KEXEC'), 'y');
  assert.equal(config?.value('CONFIG_KEXEC_JUMP'), null);
});

test('a damaged or foreign file is none', () => {
  assert.equal(readRunningConfig(new FakeSys({ files: { '/proc/config.gz': 'nonsense' } })), null);
  assert.equal(
    readRunningConfig(new FakeSys({ files: { '/boot/config-6.12.0-fake': 'CONFIG_ARM64=y\n' } })),
    null,
  );
  assert.equal(readRunningConfig(new FakeSys()), null);
});
