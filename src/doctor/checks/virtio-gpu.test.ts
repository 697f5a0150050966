import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe } from '../probe.fixture.ts';
import { virtioGpu } from './virtio-gpu.ts';

const GPU = { '/sys/bus/virtio/devices/virtio0/uevent': 'DRIVER=virtio_gpu\n' };

test('none in use, also with a device that no driver has taken', () => {
  assert.equal(probe(virtioGpu, {}).status, 'ok');
  assert.equal(
    probe(virtioGpu, { files: { '/sys/bus/virtio/devices/virtio0/uevent': 'MODALIAS=virtio:d00000010v1\n' } })
      .status,
    'ok',
  );
});

test('refused unless the driver can restore', () => {
  assert.equal(probe(virtioGpu, { files: GPU }).status, 'obstacle');
  const kallsyms =
    '0000000000000000 t virtgpu_freeze\t[virtio_gpu]\n0000000000000000 t virtgpu_restore\t[virtio_gpu]\n';
  assert.equal(probe(virtioGpu, { files: { ...GPU, '/proc/kallsyms': kallsyms } }).status, 'warning');
});
