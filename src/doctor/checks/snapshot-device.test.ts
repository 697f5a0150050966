import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe } from '../probe.fixture.ts';
import { snapshotDevice } from './snapshot-device.ts';

test('its presence is told and never matters', () => {
  assert.deepEqual(probe(snapshotDevice, {}), {
    status: 'ok',
    detail: 'missing; this release does not need it',
    facts: { present: false },
  });
  assert.equal(probe(snapshotDevice, { files: { '/dev/snapshot': '' } }).facts.present, true);
});
