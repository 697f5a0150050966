import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../../base/errors.fixture.ts';
import { readParkingArea } from '../../engine/image/parking-area.ts';
import { FakeSys } from '../../sys/fake.ts';
import { FakeImageSys } from '../../sys/image-sys.fake.ts';
import { stageOnDisk } from '../image/staging-place.ts';
import { PARKING_FILE } from '../this-os.ts';
import { makeParking } from './make-parking.ts';
import { readParkingSettings } from './parking-place.ts';

const DISK = { kernelName: 'vdc', path: '/dev/vdc' };
const WISH = { slots: 2, force: false };

function machine(mounts = ''): { sys: FakeSys; image: FakeImageSys } {
  const files = { '/sys/class/block/vdc/dev': '254:32\n', '/dev/vdc': '', '/proc/self/mountinfo': mounts };
  const image = new FakeImageSys();
  image.addDisk(DISK.path, new Uint8Array(4 << 20));
  return { sys: new FakeSys({ files }), image };
}

test('an empty disk becomes a parking area; one with data only when it is given up', () => {
  const { sys, image } = machine();
  const made = makeParking(sys, image, DISK, WISH);
  assert.deepEqual(readParkingArea(image, DISK.path), made);
  assert.match(failure('E_DISK_IN_USE', () => makeParking(sys, image, DISK, WISH)).message, /a parking area/);
  image.disks.get(DISK.path)!.bytes.fill(0, 0, 8192);
  image.disks.get(DISK.path)!.bytes[500_000] = 1;
  assert.match(failure('E_DISK_IN_USE', () => makeParking(sys, image, DISK, WISH)).message, /other data/);
  makeParking(sys, image, DISK, { ...WISH, force: true });
});

test('a disk that is mounted or too small is refused', () => {
  const mounted = machine('30 22 254:32 / /data rw - ext4 /dev/vdc rw\n');
  failure('E_DISK_IN_USE', () => makeParking(mounted.sys, mounted.image, DISK, { ...WISH, force: true }));
  const { sys, image } = machine();
  failure('E_PARKING', () => makeParking(sys, image, DISK, { slots: 4, force: false }));
  assert.equal(readParkingArea(image, DISK.path), null);
});

test('a parking area is no staging area', () => {
  const { sys, image } = machine();
  makeParking(sys, image, DISK, WISH);
  failure('E_DISK_IN_USE', () => stageOnDisk(sys, image, DISK.path));
});

test('one head of two is enough; one that is absurd is E_PARKING', () => {
  const { sys, image } = machine();
  makeParking(sys, image, DISK, WISH);
  const { bytes } = image.disks.get(DISK.path)!;
  bytes[20]! ^= 1;
  assert.equal(readParkingArea(image, DISK.path)?.head.slots, 2);
  const small = new FakeImageSys();
  small.addDisk(DISK.path, bytes.slice(0, 1 << 20));
  failure('E_PARKING', () => readParkingArea(small, DISK.path));
});

test('damaged settings are E_PARKING', () => {
  for (const text of ['{', '{"version":1,"disk":"x","os":"a b","shared":[]}', '{"version":2}'])
    failure('E_PARKING', () => readParkingSettings(new FakeSys({ files: { [PARKING_FILE]: text } })));
  assert.equal(readParkingSettings(new FakeSys()), null);
});
