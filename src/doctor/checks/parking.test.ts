import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe } from '../probe.fixture.ts';
import { parking } from './parking.ts';

const FILES = {
  '/etc/torpor/parking.json': '{"version":1,"disk":"dev:vdc","os":"debian12","shared":[]}',
  '/dev/vdc': '',
  '/sys/class/block/vdc/size': '8\n',
  '/proc/swaps': 'Filename Type Size Used Priority\n',
  '/proc/self/mountinfo': '30 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n',
  '/etc/initramfs-tools/scripts/local-top/torpor': '',
};

test('without a parking area nothing is wanted', () => {
  assert.deepEqual(probe(parking, {}).facts, { known: false });
});

test('what is in the way of a switch is named with its remedy', () => {
  assert.equal(probe(parking, { files: FILES }).status, 'ok');
  for (const [change, remedy] of [
    [{ '/etc/torpor/parking.json': '{"version":1,"disk":"dev:vdx","os":"a","shared":[]}' }, /parking use/],
    [{ '/proc/swaps': 'Filename Type\n/dev/sda3 partition 1 0 -2\n' }, /swapoff/],
    [{ '/proc/self/mountinfo': '' }, /cgroup2/],
    [{ '/etc/torpor/parking.json': '{' }, /parking use/],
  ] as const) {
    const { status, remedy: said } = probe(parking, { files: { ...FILES, ...change } });
    assert.equal(status, 'warning');
    assert.match(said ?? '', remedy);
  }
  const { '/etc/initramfs-tools/scripts/local-top/torpor': _, ...bare } = FILES;
  assert.equal(probe(parking, { files: bare }).remedy, 'boot/install');
});
