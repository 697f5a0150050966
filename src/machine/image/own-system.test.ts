import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../../base/errors.fixture.ts';
import { FakeSys } from '../../sys/fake.ts';
import { readMountedDisks } from '../mounts.ts';
import { findNamedDisk, nameDisk } from './disk-name.ts';
import { readOwnSystem, requireSnapshotDevice } from './own-system.ts';

const MOUNTS = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw,errors=remount-ro
23 22 0:20 / /proc rw - proc proc rw
24 22 8:2 / /home\\040of rw,noatime - ext4 /dev/sda2 rw
25 22 8:17 / /var/lib/torpor/bank rw,noatime - ext4 /dev/sdb1 rw
26 22 8:1 /srv /srv rw,relatime - ext4 /dev/root rw
27 22 7:0 / /snap ro - squashfs /dev/loop0 ro
28 22 7:1 / /box rw - ext4 /dev/loop1 rw
29 22 253:0 / /data rw - xfs /dev/mapper/vg-data rw
`;
const LINKS = Object.fromEntries(
  [
    ['8:1', 'sda1'],
    ['8:2', 'sda2'],
    ['8:17', 'sdb1'],
    ['7:0', 'loop0'],
    ['7:1', 'loop1'],
    ['253:0', 'dm-0'],
  ].map(([number, name]) => [`/sys/dev/block/${number}`, `../../devices/x/${name}`]),
);

function system(files: Record<string, string> = {}): FakeSys {
  return new FakeSys({
    files: {
      '/proc/self/mountinfo': MOUNTS,
      '/sys/class/block/sda1/uevent': 'MAJOR=8\nPARTUUID=11-aa\n',
      '/sys/class/block/sda1/partition': '1\n',
      '/sys/class/block/sda2/partition': '2\n',
      '/sys/class/block/sdb1/partition': '1\n',
      '/sys/class/block/dm-0/dm/name': 'vg-data\n',
      '/sys/class/block/loop1/size': '1\n',
      '/dev/disk/by-partuuid/22-bb': '',
      '/dev/snapshot': '',
      '/proc/swaps': 'Filename Type Size Used Priority\n',
      ...files,
    },
    links: {
      ...LINKS,
      '/dev/disk/by-partuuid/22-bb': '../../sda2',
      '/dev/mapper/vg-data': '../dm-0',
      '/sys/class/block/sda1': '../../devices/x/sda/sda1',
    },
  });
}

test('every filesystem from a disk is found once, in the order of mounting', () => {
  const mounts = readMountedDisks(system());
  assert.deepEqual(
    mounts.map(({ mountPoint, disk, isWritable }) => [mountPoint, disk.kernelName, isWritable]),
    [
      ['/', 'sda1', true],
      ['/home of', 'sda2', true],
      ['/var/lib/torpor/bank', 'sdb1', true],
      ['/snap', 'loop0', false],
      ['/box', 'loop1', true],
      ['/data', 'dm-0', true],
    ],
  );
});

test('the bank is apart; files that are disks are frozen but not saved twice', () => {
  const { filesystems, disks, bank } = readOwnSystem(system(), '/var/lib/torpor/bank');
  assert.equal(bank.disk.path, '/dev/sdb1');
  assert.deepEqual(
    filesystems.map(({ mountPoint }) => mountPoint),
    ['/', '/home of', '/box', '/data'],
  );
  assert.deepEqual(disks, [
    { name: 'partuuid:11-aa', path: '/dev/sda1' },
    { name: 'partuuid:22-bb', path: '/dev/sda2' },
    { name: 'dm:vg-data', path: '/dev/dm-0' },
  ]);
});

test('names of disks lead back to them', () => {
  const sys = system();
  for (const name of ['sda2', 'dm-0']) {
    const disk = { kernelName: name, path: `/dev/${name}` };
    assert.equal(findNamedDisk(sys, nameDisk(sys, disk))?.path, disk.path);
  }
  assert.equal(nameDisk(sys, { kernelName: 'loop1', path: '/dev/loop1' }), 'dev:loop1');
  assert.equal(findNamedDisk(sys, 'dev:loop1')?.path, '/dev/loop1');
  assert.equal(findNamedDisk(sys, 'partuuid:99-zz'), null);
});

test('a bank on the root filesystem, and swap, are refused', () => {
  failure('E_BANK_PLACE', () => readOwnSystem(system(), '/opt/bank'));
  const swapping = system({ '/proc/swaps': 'Filename Type\n/dev/sda3 partition 1 0 -2\n' });
  assert.deepEqual(
    failure('E_SWAP_IN_USE', () => readOwnSystem(swapping, '/var/lib/torpor/bank')).facts.areas,
    ['/dev/sda3'],
  );
});

test('a kernel that makes no images says why', () => {
  requireSnapshotDevice(system());
  const locked = system({ '/sys/kernel/security/lockdown': 'none [integrity] confidentiality\n' });
  assert.match(failure('E_NO_SNAPSHOT_DEVICE', () => requireSnapshotDevice(locked)).message, /lockdown/);
  const told = system({ '/sys/power/disk': '[disabled]\n' });
  assert.match(failure('E_NO_SNAPSHOT_DEVICE', () => requireSnapshotDevice(told)).message, /hibernate/);
  failure('E_NO_SNAPSHOT_DEVICE', () => requireSnapshotDevice(new FakeSys()));
});
