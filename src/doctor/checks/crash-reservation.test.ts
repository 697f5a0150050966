import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe } from '../probe.fixture.ts';
import { crashReservation } from './crash-reservation.ts';

const crash = (size: string, loaded: string) => ({
  '/sys/kernel/kexec_crash_size': `${size}\n`,
  '/sys/kernel/kexec_crash_loaded': `${loaded}\n`,
});

test('a free one', () => {
  assert.equal(probe(crashReservation, { files: crash('16777216', '0') }).status, 'ok');
  const ours = { files: crash('16777216', '1'), arguments: 'torpor.switchboard=0x10000000' };
  assert.equal(probe(crashReservation, ours).status, 'ok');
});

test('none, not offered, taken, not to be seen', () => {
  assert.equal(probe(crashReservation, { files: crash('0', '0') }).remedy, 'kernel argument crashkernel=16M');
  assert.match(probe(crashReservation, {}).remedy ?? '', /CONFIG_CRASH_DUMP/);
  assert.match(probe(crashReservation, { files: crash('16777216', '1') }).detail, /kdump/);
  assert.equal(probe(crashReservation, { arguments: 'crashkernel=16M' }).status, 'unknown');
});
