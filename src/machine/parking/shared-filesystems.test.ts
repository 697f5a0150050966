import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../../base/errors.fixture.ts';
import { FakeDisk } from '../../sys/block-device.fake.ts';
import { FakeSys } from '../../sys/fake.ts';
import { FakeImageSys } from '../../sys/image-sys.fake.ts';
import { withoutShared } from './shared-filesystems.ts';

const SHARED = ['srv', 'bank'].map((name) => ({
  mountPoint: `/${name}`,
  type: 'ext4',
  options: '',
  isWritable: true,
  disk: { kernelName: name, path: `/dev/${name}` },
  source: `/dev/${name}`,
}));

function machine(): { sys: FakeSys; image: FakeImageSys } {
  const sys = new FakeSys();
  for (const { disk } of SHARED) sys.disks.set(disk.path, new FakeDisk(disk.path, new Uint8Array(512)));
  return { sys, image: new FakeImageSys() };
}

test('they are unmounted in the opposite order, and mounted without what was cached of them', () => {
  const { sys, image } = machine();
  const warnings: string[] = [];
  withoutShared(sys, image, SHARED, warnings, () => image.calls.push('switch'));
  assert.deepEqual(image.calls, ['unmount /bank', 'unmount /srv', 'switch', 'mount /srv', 'mount /bank']);
  assert.deepEqual([warnings, [...sys.disks.values()].map(({ drops }) => drops)], [[], [1, 1]]);
});

test('one that is in use keeps the switch from happening, and the others are mounted again', () => {
  const { sys, image } = machine();
  image.failing.set('unmount /srv', 'EBUSY');
  failure('E_DISK_IN_USE', () => withoutShared(sys, image, SHARED, [], () => image.calls.push('switch')));
  assert.deepEqual(image.calls, ['unmount /bank', 'unmount /srv', 'mount /bank']);
  assert.deepEqual(image.undo, []);
});

test('one that cannot be mounted again does not undo the switch', () => {
  const { sys, image } = machine();
  image.failing.set('mount /srv', 'EIO');
  const warnings: string[] = [];
  assert.equal(
    withoutShared(sys, image, SHARED, warnings, () => 7),
    7,
  );
  assert.match(warnings[0]!, /^\/srv could not be mounted again/);
});
