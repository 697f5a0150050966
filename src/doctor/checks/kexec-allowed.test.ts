import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe } from '../probe.fixture.ts';
import { kexecAllowed } from './kexec-allowed.ts';

const sysctl = (name: string, value: string) => ({ files: { [`/proc/sys/kernel/${name}`]: `${value}\n` } });

test('an open door', () => {
  assert.equal(probe(kexecAllowed, {}).status, 'ok');
  assert.equal(probe(kexecAllowed, sysctl('kexec_load_disabled', '0')).status, 'ok');
  assert.equal(probe(kexecAllowed, sysctl('kexec_load_limit_reboot', '-1')).status, 'ok');
});

test('sysctls that forbid', () => {
  assert.equal(probe(kexecAllowed, sysctl('kexec_load_disabled', '1')).status, 'obstacle');
  assert.equal(probe(kexecAllowed, sysctl('kexec_load_limit_reboot', '0')).status, 'obstacle');
  assert.equal(probe(kexecAllowed, sysctl('kexec_load_limit_reboot', '5')).status, 'warning');
  assert.equal(probe(kexecAllowed, sysctl('kexec_load_limit_panic', '0')).status, 'warning');
});

test('somebody else’s kernel would be replaced, our own image is expected', () => {
  const files = { '/sys/kernel/kexec_loaded': '1\n' };
  assert.equal(probe(kexecAllowed, { files }).remedy, 'kexec -u');
  assert.equal(probe(kexecAllowed, { files, arguments: 'torpor.switchboard=0x10000000' }).status, 'ok');
});
