/**
 * Power cuts at every write to the parking area. Whatever is found then: each OS is parked whole, with disks as
 * it left them, or not at all.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatParkingArea, readParkingArea } from '../../engine/image/parking-area.ts';
import { FakeImageSys } from '../../sys/image-sys.fake.ts';
import type { PowerCut } from '../../sys/storage.fake.ts';
import { parkOs, planParkOs } from './park-os.ts';
import { AREA, makeDisks, runOs } from './parking.fixture.ts';
import { checkDisks } from './plan-resume.ts';
import { readSlots } from './slots.ts';

const CUTS: readonly PowerCut[] = ['lost', 'kept', { seed: 1 }, { seed: 2 }, { seed: 3 }, { seed: 4 }];

/** Calls `look` with what each cut leaves, after each write and sync while `action` runs. Returns how many cuts there were. */
function cutEverywhere(image: FakeImageSys, action: () => void, look: (found: FakeImageSys) => void): number {
  let cuts = 0;
  const area = image.disks.get(AREA)!;
  area.onChange = () => {
    for (const cut of CUTS) {
      const found = new FakeImageSys();
      for (const [path, disk] of image.disks)
        found.addDisk(path, path === AREA ? disk.afterPowerCut(cut) : disk.bytes.slice());
      cuts += 1;
      look(found);
    }
  };
  action();
  area.onChange = null;
  return cuts;
}

/** The slots as a machine that starts after the cut finds them; an OS that goes on is whole with its disks. */
function lookAt(found: FakeImageSys): string[] {
  const area = readParkingArea(found, AREA);
  assert.ok(area !== null);
  const sys = runOs(found, 'debian12', { '/proc/self/mountinfo': '' });
  return readSlots(found, area).map((content) => {
    assert.ok(content.state !== 'damaged', content.state === 'damaged' ? content.what : '');
    if (content.state !== 'parked') return '';
    assert.deepEqual(checkDisks(sys, found, content.parked).obstacles, []);
    return content.parked.os;
  });
}

function attempt(action: () => unknown): void {
  try {
    action();
  } catch {
    // The machine was left.
  }
}

test('while an OS parks and the machine is turned off', () => {
  const image = makeDisks();
  const sys = runOs(image, 'debian12');
  const states = new Set<string>();
  let isLeft = false;
  image.onLeave = () => {
    isLeft = true;
  };
  const cuts = cutEverywhere(
    image,
    () => attempt(() => parkOs(sys, image, planParkOs(sys, image, { kind: 'off' }))),
    // Behind the leaving there is nothing in a real machine.
    (found) => !isLeft && states.add(lookAt(found).join()),
  );
  assert.ok(cuts > 30);
  assert.deepEqual([...states].toSorted(), [',', 'debian12,']);
});

test('while one OS parks and another one, which is parked, goes on', () => {
  let image = makeDisks();
  image = parkedAlone(image);
  const sys = runOs(image, 'debian13');
  const plan = planParkOs(sys, image, { kind: 'resume', os: 'debian12' });
  const states = new Set<string>();
  let isLeft = false;
  image.onLeave = () => {
    isLeft = true;
  };
  cutEverywhere(
    image,
    () => attempt(() => parkOs(sys, image, plan)),
    (found) => !isLeft && states.add(lookAt(found).join()),
  );
  assert.ok(isLeft);
  // The one that waits is there at every moment.
  assert.deepEqual([...states].toSorted(), ['debian12,', 'debian12,debian13']);
});

test('while an OS that has come back says so', () => {
  const image = makeDisks();
  const sys = runOs(image, 'debian12');
  image.comesBack = true;
  const plan = planParkOs(sys, image, { kind: 'off' });
  // Its slot as it was when it was left.
  const parked = parkedAlone(makeDisks()).disks.get(AREA)!.bytes;
  let isBack = false;
  const states: string[] = [];
  const area = image.disks.get(AREA)!;
  const create = image.openSnapshotDevice.bind(image);
  image.openSnapshotDevice = (mode) => {
    const device = create(mode);
    return {
      ...device,
      createImage() {
        area.bytes.set(parked);
        isBack = true;
        return device.createImage();
      },
    };
  };
  cutEverywhere(
    image,
    () => parkOs(sys, image, plan),
    (found) => isBack && states.push(lookAt(found).join()),
  );
  assert.ok(states.includes('debian12,') && states.at(-1) === ',');
  assert.equal(states.lastIndexOf('debian12,') < states.length - 1, true);
});

test('while an area is made anew over one with parked OSes', () => {
  const image = parkedAlone(makeDisks());
  const old = readParkingArea(image, AREA)!.head.id;
  const states = new Set<string>();
  cutEverywhere(
    image,
    () => void formatParkingArea(image, AREA, 2, 2),
    (found) => {
      const area = readParkingArea(found, AREA);
      const slots = area === null ? [] : readSlots(found, area).map(({ state }) => state);
      states.add(area === null ? 'none' : `${area.head.id === old ? 'old' : 'new'} ${slots.join()}`);
    },
  );
  assert.deepEqual([...states].toSorted(), ['new empty,empty', 'none', 'old parked,empty']);
});

/** The machine's disks at the moment when debian12 has parked. */
function parkedAlone(image: FakeImageSys): FakeImageSys {
  const sys = runOs(image, 'debian12');
  const left = new FakeImageSys();
  image.onLeave = () => {
    for (const [path, disk] of image.disks) left.addDisk(path, disk.bytes.slice());
  };
  attempt(() => parkOs(sys, image, planParkOs(sys, image, { kind: 'off' })));
  return left;
}
