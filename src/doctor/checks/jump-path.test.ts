import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeKcore, jumpPathCode, probe } from '../probe.fixture.ts';
import { jumpPath } from './jump-path.ts';

const JUMP = 'CONFIG_KEXEC=y\nCONFIG_KEXEC_JUMP=y';
const kcore = (loadsGdt: boolean) => ({ files: { '/proc/kcore': fakeKcore(jumpPathCode(loadsGdt)) } });

test('the machine code decides, whatever the version', () => {
  assert.equal(probe(jumpPath, { ...kcore(true), release: '6.1.0' }).status, 'ok');
  const unsound = probe(jumpPath, { ...kcore(false), release: '6.18.0' });
  assert.equal(unsound.status, 'obstacle');
  assert.equal(unsound.facts.how, 'code');
});

test('a kernel without KEXEC_JUMP has nothing to judge', () => {
  const found = probe(jumpPath, kcore(false), (sys) => {
    sys.jumpProbeErrno = 'EINVAL';
  });
  assert.equal(found.status, 'ok');
  assert.equal(found.facts.verdict, 'absent');
});

test('the version is the last resort', () => {
  const denied = { denied: ['/proc/kcore'], uid: 1000, files: { '/proc/kcore': '' } };
  const byVersion = (release: string) =>
    probe(jumpPath, {
      ...denied,
      release,
      files: { ...denied.files, [`/boot/config-${release}`]: `CONFIG_X86_64=y\n${JUMP}\n` },
    });
  assert.equal(byVersion('6.12.107+deb13-amd64').status, 'ok');
  assert.equal(byVersion('6.12.4').status, 'unknown');
  assert.equal(byVersion('7.2.13').status, 'ok');
  assert.equal(byVersion('6.1.0-28-amd64').status, 'obstacle');
  assert.equal(byVersion('6.8.0-45-generic').remedy, 'sudo torpor doctor');
  assert.equal(byVersion('custom').status, 'unknown');
});
