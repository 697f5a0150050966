import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe } from '../probe.fixture.ts';
import { nvidia } from './nvidia.ts';

test('nouveau is fine, NVIDIA’s own driver is not', () => {
  const driver = (name: string) => ({
    files: { '/sys/bus/pci/devices/0000:01:00.0/uevent': `DRIVER=${name}\n` },
  });
  assert.equal(probe(nvidia, driver('nouveau')).status, 'ok');
  assert.equal(probe(nvidia, driver('nvidia')).status, 'obstacle');
});
