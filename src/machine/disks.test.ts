import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../base/errors.fixture.ts';
import { FakeSys } from '../sys/fake.ts';
import { findDisk, findHolders, isSameDisk, requireFree } from './disks.ts';

/** vda with two partitions is mounted here; vdb, nvme0n1 and sda are others'. */
function machine(more: Record<string, string | Uint8Array> = {}): FakeSys {
  const names = { vda: '254:0', vda1: '254:1', vda2: '254:2', vdb: '254:16', nvme0n1: '259:0', sda: '8:0' };
  const numbers = Object.entries(names).map(([name, dev]) => [`/sys/class/block/${name}/dev`, `${dev}\n`]);
  return new FakeSys({
    files: {
      ...Object.fromEntries(numbers),
      '/sys/class/block/vda/vda1/partition': '1\n',
      '/sys/class/block/vda/vda2/partition': '2\n',
      '/sys/class/block/vda1/partition': '1\n',
      '/sys/class/block/vda2/partition': '2\n',
      '/sys/class/block/vda2/uevent': 'DEVNAME=vda2\nPARTUUID=0a1b-02\n',
      '/sys/block/vda/serial': 'home',
      '/sys/block/vdb/serial': 'debian12',
      '/sys/block/nvme0n1/device/serial': 'nvme-7   \n',
      '/sys/block/sda/device/vpd_pg80': Buffer.from('\0\x80\0\x08  ahci-9\0', 'latin1'),
      '/proc/self/mountinfo':
        '21 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n22 21 0:5 / /proc rw - proc proc rw\n',
      '/proc/swaps': 'Filename Type Size Used Priority\n/dev/vda2 partition 1000 0 -2\n',
      ...more,
    },
    links: {
      '/sys/class/block/vda1': '../../devices/pci0/virtio1/block/vda/vda1',
      '/sys/class/block/vda2': '../../devices/pci0/virtio1/block/vda/vda2',
      '/dev/disk/by-id/virtio-debian12': '../../vdb',
      '/dev/disk/by-partuuid/0a1b-01': '../../vda1',
    },
  });
}

const found: [string, string | null][] = [
  ['home', '/dev/vda'],
  ['debian12', '/dev/vdb'],
  ['nvme-7', '/dev/nvme0n1'],
  ['ahci-9', '/dev/sda'],
  ['/dev/vdb', '/dev/vdb'],
  ['/dev/disk/by-id/virtio-debian12', '/dev/vdb'],
  ['PARTUUID=0A1B-01', '/dev/vda1'],
  ['PARTUUID=0a1b-02', '/dev/vda2'],
  ['debian', null],
  ['', null],
  ['/dev/vdz', null],
  ['/etc/passwd', null],
  ['PARTUUID=0a1b-03', null],
];
for (const [id, path] of found) {
  test(`findDisk() of “${id}” is ${path ?? 'nothing'}`, () => {
    assert.equal(findDisk(machine(), id)?.path ?? null, path);
  });
}

test('a disk without a serial number that cannot be asked for it hides no other', () => {
  const sys = new FakeSys({
    files: { '/sys/block/vda/serial': 'x', '/sys/block/vdb/serial': 'y', '/sys/class/block/vdb/dev': '1:1' },
    denied: ['/sys/block/vda/serial'],
  });
  assert.equal(findDisk(sys, 'y')?.path, '/dev/vdb');
});

test('what this kernel holds of a disk is found from the disk and from its partitions', () => {
  const sys = machine();
  const holders = (id: string): string[] => findHolders(sys, findDisk(sys, id)!);
  assert.deepEqual(holders('home'), ['/', 'swap on /dev/vda2']);
  assert.deepEqual(holders('PARTUUID=0a1b-02'), ['swap on /dev/vda2']);
  assert.deepEqual(holders('debian12'), []);
});

test('a disk that is mounted by a link or is part of another device is held', () => {
  const linked = machine({
    '/proc/self/mountinfo': '30 21 0:40 / /mnt rw - btrfs /dev/disk/by-id/virtio-debian12 rw\n',
  });
  assert.deepEqual(findHolders(linked, findDisk(linked, 'debian12')!), ['/mnt']);
  const mapped = machine({ '/sys/class/block/vdb/holders/dm-0/x': '' });
  assert.deepEqual(findHolders(mapped, findDisk(mapped, 'debian12')!), ['dm-0']);
});

test('requireFree() names what holds the disk', () => {
  const sys = machine();
  requireFree(sys, findDisk(sys, 'debian12')!, 'debian12');
  const { message, hint } = failure('E_DISK_IN_USE', () => requireFree(sys, findDisk(sys, 'home')!, 'root'));
  assert.match(message, /the disk root \(\/dev\/vda\) is in use here: \/, swap/);
  assert.match(hint!, /umount/);
});

test('a disk is the same as its partition, and its partitions are not each other', () => {
  const sys = machine();
  const disk = (id: string) => findDisk(sys, id)!;
  assert.ok(isSameDisk(sys, disk('home'), disk('PARTUUID=0a1b-01')));
  assert.ok(isSameDisk(sys, disk('PARTUUID=0a1b-01'), disk('home')));
  assert.ok(isSameDisk(sys, disk('home'), disk('/dev/vda')));
  assert.ok(!isSameDisk(sys, disk('PARTUUID=0a1b-01'), disk('PARTUUID=0a1b-02')));
  assert.ok(!isSameDisk(sys, disk('home'), disk('debian12')));
});
