import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../../base/errors.fixture.ts';
import { TorporError } from '../../base/errors.ts';
import { PAGE_BYTES } from '../../base/units.ts';
import { KERNEL, streamOf } from '../../engine/image/image.fixture.ts';
import { readE820Checksum } from '../../engine/image/loader.ts';
import { readParkingArea, slotPlace } from '../../engine/image/parking-area.ts';
import type { FakeSys } from '../../sys/fake.ts';
import { FakeImageSys } from '../../sys/image-sys.fake.ts';
import { parkOs, planParkOs, type Resumed } from './park-os.ts';
import { AREA, MEMORIES, makeDisks, type OsName, runOs } from './parking.fixture.ts';
import { readStockStatus } from './parking-status.ts';
import { resumeAtBoot } from './resume-at-boot.ts';
import { listParked } from './slots.ts';

/** What is on all disks at a moment. */
function photograph(image: FakeImageSys): FakeImageSys {
  const copy = new FakeImageSys();
  for (const [path, disk] of image.disks) copy.addDisk(path, disk.bytes.slice());
  return copy;
}

/** Parks an OS; returns what is on the disks at the moment when the machine is another's. */
function leave(image: FakeImageSys, sys: FakeSys, wish: Parameters<typeof planParkOs>[2]): FakeImageSys {
  let left: FakeImageSys | null = null;
  image.onLeave = () => {
    left = photograph(image);
    left.written = image.written;
  };
  assert.throws(() => parkOs(sys, image, planParkOs(sys, image, wish)));
  assert.ok(left !== null, 'the machine was left');
  return left;
}

/** The same OS comes back on disks as they are then. */
function comeBack(image: FakeImageSys, os: OsName, files: Record<string, string> = {}): Resumed {
  const sys = runOs(image, os, files);
  image.comesBack = true;
  // The plan of the time when it was parked: its own slot was free then.
  return parkOs(sys, image, planParkOs(sys, image, { kind: 'off' }));
}

const parkedOn = (image: FakeImageSys): string[] =>
  listParked(image, readParkingArea(image, AREA)!)
    .map(({ os }) => os)
    .toSorted();

test('two OSes of different kernels take turns, each in the dialect of the other', () => {
  let image = makeDisks();
  image = leave(image, runOs(image, 'debian12'), { kind: 'restart' });
  assert.deepEqual(parkedOn(image), ['debian12']);

  const in13 = runOs(image, 'debian13');
  image = leave(image, in13, { kind: 'resume', os: 'debian12' });
  assert.deepEqual(parkedOn(image), ['debian12', 'debian13'], 'until debian12 says that it runs');
  const kernel = { ...KERNEL, e820Checksum: readE820Checksum(in13)! };
  assert.ok(Buffer.from(streamOf(MEMORIES.debian12, 'plain', kernel)).equals(image.written));
  const back = comeBack(image, 'debian12');
  assert.deepEqual([back.outcome, back.from], ['resumed', 'debian13']);
  assert.deepEqual(parkedOn(image), ['debian13']);
  assert.ok(back.switchMs !== null && back.switchMs >= 0);
  assert.ok('stream' in back.stagesMs && 'thaw' in back.stagesMs);

  // 6.1 does not know the mark of zero pages.
  image = leave(image, runOs(image, 'debian12'), { kind: 'resume', os: 'debian13' });
  assert.ok(Buffer.from(streamOf(MEMORIES.debian13, 'plain', kernel)).equals(image.written));
});

test('programs are held when all is ready, before anything is frozen, and let go after everything has thawed', () => {
  const image = makeDisks();
  const sys = runOs(image, 'debian12');
  const order: string[] = [];
  const write = sys.writeTextFile.bind(sys);
  sys.writeTextFile = (path, content) => {
    if (path.endsWith('cgroup.freeze')) order.push(`${path.split('/').at(-2)} ${content}`);
    write(path, content);
  };
  image.onCall = (call) => {
    if (/^(dropCaches|freeze|thaw)$/.test(call)) order.push(call);
  };
  image.comesBack = true;
  parkOs(sys, image, planParkOs(sys, image, { kind: 'off' }));
  const groups = ['init.scope', 'system.slice', 'user.slice'];
  assert.deepEqual(order, [
    'dropCaches',
    ...groups.map((name) => `${name} 1`),
    'freeze',
    'thaw',
    ...groups.toReversed().map((name) => `${name} 0`),
  ]);
});

test('between the two images the programs stay held and the filesystems frozen', () => {
  const image = makeDisks();
  const left = leave(image, runOs(image, 'debian12'), { kind: 'restart' });
  const sys = runOs(left, 'debian13');
  leave(left, sys, { kind: 'resume', os: 'debian12' });
  const calls = left.calls.filter((call) => !/dir|dropCaches/.test(call));
  assert.deepEqual(calls, [
    ...['open', 'freeze', 'freeze /', 'createImage', 'free', 'close'],
    ...['open', 'write', 'freeze', 'atomicRestore', 'close'],
    // The jump of this test is one that fails: what is frozen thaws.
    'thaw /',
  ]);
});

test('an image that has changed on the disk is refused before anything stops', () => {
  const disks = makeDisks();
  const left = leave(disks, runOs(disks, 'debian12'), { kind: 'restart' });
  const sys = runOs(left, 'debian13');
  const area = readParkingArea(left, AREA)!;
  const [{ slot, image }] = listParked(left, area) as [ReturnType<typeof listParked>[number]];
  const { start } = slotPlace(area, slot).extents[0]!;
  left.disks.get(AREA)!.bytes[start + (image.firstPage + image.dataPages) * PAGE_BYTES - 1]! ^= 1;
  failure('E_STAGING', () => parkOs(sys, left, planParkOs(sys, left, { kind: 'resume', os: 'debian12' })));
  assert.deepEqual(
    left.calls.filter((call) => /freeze|open/.test(call)),
    [],
  );
  assert.equal(sys.files.get('/sys/fs/cgroup/system.slice/cgroup.freeze'), '0\n');
  assert.equal(sys.freezeLog.at(-1), 'rmdir /sys/fs/cgroup/torpor-switch');
  assert.deepEqual(parkedOn(left), ['debian12']);
});

test('an OS that is not parked, that runs, or that parks nowhere is refused', () => {
  const image = makeDisks();
  const sys = runOs(image, 'debian12');
  const refuse = (code: Parameters<typeof failure>[0], os: string): TorporError =>
    failure(code, () => planParkOs(sys, image, { kind: 'resume', os }));
  assert.match(refuse('E_NOT_PARKED', 'debian13').hint ?? '', /torpor park --restart/);
  refuse('E_OS_RUNNING', 'debian12');
  sys.files.delete('/etc/torpor/parking.json');
  refuse('E_NO_PARKING', 'debian13');
});

for (const [what, code, spoil] of [
  ['was written to', 'E_DISK_CHANGED', (image: FakeImageSys) => (image.disks.get('/dev/vda')!.bytes[9] = 9)],
  [
    'is gone',
    'E_DISK_MISSING',
    (_: FakeImageSys, sys: FakeSys) =>
      sys.files.delete('/sys/class/block/vda/size') && sys.files.delete('/sys/class/block/vda/dev'),
  ],
  [
    'is mounted here',
    'E_DISK_IN_USE',
    (_: FakeImageSys, sys: FakeSys) =>
      sys.files.set(
        '/proc/self/mountinfo',
        `${sys.readTextFile('/proc/self/mountinfo')}30 22 254:0 / /mnt rw - xfs /dev/vda rw\n`,
      ),
  ],
  [
    'belongs to a machine with more memory',
    'E_OTHER_MACHINE',
    (_: FakeImageSys, sys: FakeSys) => sys.files.set('/proc/zoneinfo', '        present  5\n'),
  ],
] as const) {
  test(`an OS whose disk ${what} does not go on`, () => {
    let image = makeDisks();
    image = leave(image, runOs(image, 'debian12'), { kind: 'restart' });
    const sys = runOs(image, 'debian13');
    spoil(image, sys);
    const plan = planParkOs(sys, image, { kind: 'resume', os: 'debian12' });
    assert.deepEqual(
      plan.target?.obstacles.map((obstacle) => obstacle.code),
      [code],
    );
    failure(code, () => parkOs(sys, image, plan));
    assert.deepEqual(image.calls, []);
  });
}

test('a disk that changes after it was looked at is found before the jump, and the OS runs on', () => {
  let image = makeDisks();
  image = leave(image, runOs(image, 'debian12'), { kind: 'restart' });
  const sys = runOs(image, 'debian13');
  const plan = planParkOs(sys, image, { kind: 'resume', os: 'debian12' });
  image.disks.get('/dev/vda')!.bytes[9] = 9;
  failure('E_DISK_CHANGED', () => parkOs(sys, image, plan));
  assert.equal(
    image.calls.findLast((call) => /^(freeze|thaw) /.test(call)),
    'thaw /',
  );
  assert.deepEqual(parkedOn(image), ['debian12'], 'what runs is not parked');
  const { parking } = readStockStatus(sys, image);
  assert.deepEqual(
    parking.slots.map(({ os, state }) => [os, state]),
    [
      ['debian12', 'stale'],
      ['', 'empty'],
    ],
  );
});

for (const failing of ['freeze', 'freeze /', 'createImage', 'write']) {
  test(`when ${failing} fails the OS runs on and is not parked`, () => {
    let image = makeDisks();
    image = leave(image, runOs(image, 'debian12'), { kind: 'restart' });
    const sys = runOs(image, 'debian13');
    const plan = planParkOs(sys, image, { kind: 'resume', os: 'debian12' });
    image.failing.set(failing, 'EIO');
    assert.throws(() => parkOs(sys, image, plan), TorporError);
    assert.deepEqual(parkedOn(image), ['debian12']);
    const isFrozen = failing === 'createImage' || failing === 'write';
    assert.equal(image.calls.lastIndexOf('thaw /') > image.calls.indexOf('freeze /'), isFrozen);
    assert.equal(sys.readTextFile('/sys/fs/cgroup/user.slice/cgroup.freeze'), '0');
  });
}

test('whoever guards a process that parks an OS knows what to undo, until it is undone', () => {
  const image = makeDisks();
  const sys = runOs(image, 'debian12', { '/sys/power/image_size': '1\n' });
  let noted: string[] = [];
  image.onLeave = () => {
    noted = image.undo.map((step) => `${step.kind} ${'place' in step ? step.place : step.path}`);
    throw new Error('the machine goes on');
  };
  assert.throws(() => parkOs(sys, image, planParkOs(sys, image, { kind: 'off' })), /goes on/);
  const groups = ['user.slice', 'system.slice', 'init.scope'];
  assert.deepEqual(noted, [
    'thaw /',
    'write /sys/power/image_size',
    ...groups.map((name) => `write /sys/fs/cgroup/${name}/cgroup.freeze`),
  ]);
  assert.deepEqual([image.undo, parkedOn(image)], [[], []]);
});

test('an OS that parked goes on at its next start; a slot too small is said and nothing is parked', () => {
  let image = makeDisks();
  image = leave(image, runOs(image, 'debian12'), { kind: 'off' });
  const initramfs = runOs(image, 'debian12', { '/proc/self/mountinfo': '' });
  let jumps = 0;
  image.onLeave = () => {
    jumps += 1;
    throw new TorporError('E_SYSCALL', 'the kernel has not jumped');
  };
  const kept = resumeAtBoot(initramfs, image);
  assert.equal(jumps, 1);
  assert.equal(kept.outcome, 'kept');
  assert.deepEqual(parkedOn(image), ['debian12']);

  image.stream = new Uint8Array(300 * PAGE_BYTES);
  const sys = runOs(image, 'debian13');
  image.stream = new Uint8Array(300 * PAGE_BYTES);
  failure('E_STAGING_FULL', () => parkOs(sys, image, planParkOs(sys, image, { kind: 'off' })));
  assert.deepEqual(parkedOn(image), ['debian12']);
});

test('an OS that is not wanted, or whose disk was mounted meanwhile, is dropped at its start', () => {
  for (const [files, spoil] of [
    [{ '/proc/cmdline': 'quiet torpor.restore=no' }, () => {}],
    [{}, (image: FakeImageSys) => (image.disks.get('/dev/vda')!.bytes[0] = 77)],
  ] as const) {
    let image = makeDisks();
    image = leave(image, runOs(image, 'debian12'), { kind: 'off' });
    spoil(image);
    const sys = runOs(image, 'debian12', { '/proc/self/mountinfo': '', ...files });
    assert.equal(resumeAtBoot(sys, image).outcome, 'dropped');
    assert.deepEqual(parkedOn(image), []);
    assert.equal(resumeAtBoot(sys, image).outcome, 'none');
  }
});

test('two OSes of one name are told apart', () => {
  let image = makeDisks();
  image = leave(image, runOs(image, 'debian12'), { kind: 'off' });
  const sys = runOs(image, 'debian12', { '/etc/machine-id': 'another\n' });
  failure('E_OS_EXISTS', () => planParkOs(sys, image, { kind: 'off' }));
});
