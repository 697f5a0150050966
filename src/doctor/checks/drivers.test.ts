import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe } from '../probe.fixture.ts';
import { drivers } from './drivers.ts';

const bound = (...devices: [bus: string, driver: string][]) => ({
  files: Object.fromEntries(
    devices.map(([bus, driver], index) => [
      `/sys/bus/${bus}/devices/dev${index}/uevent`,
      `DRIVER=${driver}\nPCI_ID=1:2\n`,
    ]),
  ),
});

test('drivers that come back', () => {
  const found = probe(
    drivers,
    bound(['pci', 'nvme'], ['pci', 'virtio-pci'], ['virtio', 'virtio_blk'], ['pci', 'igb']),
  );
  assert.equal(found.status, 'ok');
  assert.deepEqual(found.facts.tried, ['nvme', 'virtio-pci', 'virtio_blk']);
});

test('no devices, a device without a driver, one that another check looks at', () => {
  assert.equal(probe(drivers, {}).status, 'ok');
  assert.equal(probe(drivers, { files: { '/sys/bus/pci/devices/a/uevent': 'PCI_ID=1:2\n' } }).status, 'ok');
  assert.equal(probe(drivers, bound(['virtio', 'virtio_gpu'], ['pci', 'nvidia'])).status, 'ok');
});

test('an unknown or an old one is to be tested', () => {
  const found = probe(drivers, bound(['pci', 'nvme'], ['pci', 'strange'], ['pci', 'mlx5_core']));
  assert.equal(found.status, 'warning');
  assert.match(found.detail, /mlx5_core, strange/);
  assert.match(found.remedy ?? '', /torpor switch/);
});

test('one without callbacks is to be unloaded, one that refuses is an obstacle', () => {
  assert.match(probe(drivers, bound(['virtio', '9pnet_virtio'])).remedy ?? '', /modprobe -r 9pnet_virtio/);
  assert.equal(probe(drivers, bound(['virtio', 'virtio_mem'])).status, 'obstacle');
});
