import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe } from '../probe.fixture.ts';
import { snapshotDevice } from './snapshot-device.ts';

test('its absence is told and never matters', () => {
  assert.deepEqual(probe(snapshotDevice, {}), {
    status: 'ok',
    detail: 'missing; only the image engine needs it',
    facts: { present: false, usable: false },
  });
});

test('where it is there, the image engine can be used unless the kernel does not hibernate', () => {
  const there = { '/dev/snapshot': '', '/sys/power/disk': '[shutdown] reboot\n' };
  assert.equal(probe(snapshotDevice, { files: there }).facts.usable, true);
  for (const more of [
    { '/sys/power/disk': '[disabled]\n' },
    { '/sys/kernel/security/lockdown': 'none [integrity] confidentiality\n' },
  ]) {
    const { facts, detail } = probe(snapshotDevice, { files: { ...there, ...more } });
    assert.deepEqual(facts, { present: true, usable: false });
    assert.match(detail, /does not hibernate/);
  }
});
