import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Bank } from '../../bank/bank.ts';
import { failure } from '../../base/errors.fixture.ts';
import { PAGE_BYTES } from '../../base/units.ts';
import { alignedReader } from '../../engine/image/aligned-reader.ts';
import { memoryOf, streamOf } from '../../engine/image/image.fixture.ts';
import { StagingArea } from '../../engine/image/staging-area.ts';
import { takeImage } from '../../engine/image/take-image.ts';
import { addFile, HAS_E2FSPROGS, makeExt4 } from '../../filesystem/ext4/image.fixture.ts';
import { usedPagesOfExt4 } from '../../filesystem/ext4/used-pages.ts';
import { FakeImageSys } from '../../sys/image-sys.fake.ts';
import { FakeStorage } from '../../sys/storage.fake.ts';
import { drainStaging } from './drain.ts';
import { FACTS, PLAN } from './take-image.fixture.ts';

const skip = HAS_E2FSPROGS ? false : 'e2fsprogs are not installed';
const DISK = PLAN.disks[0]!.path;
const AREA = PLAN.staging.device;
const DISK_KIB = 4096;
const AREA_PAGES = 4000;
const STAGING = { device: AREA, extents: [{ start: 0, sizeBytes: AREA_PAGES * PAGE_BYTES }] };
const MEMORY = memoryOf([
  [3, 1],
  [4, 0],
  [9, 2],
]);
/** While programs run, in the order of a snapshot; each comes once, or once a round. */
const MOMENTS = ['freeze /', 'thaw /', 'dropCaches', 'open', 'freeze'];

function machine(content: Uint8Array): FakeImageSys {
  const sys = new FakeImageSys();
  sys.addDisk(AREA, new Uint8Array(AREA_PAGES * PAGE_BYTES));
  sys.addDisk(DISK, content.slice());
  sys.stream = streamOf(MEMORY, 'zero-flag');
  return sys;
}

/** Every byte of the file `file` of the fixture is this one. */
const FILE_BYTE = 0x5a;

function pagesOfFile(content: Uint8Array): number[] {
  const page = Buffer.alloc(PAGE_BYTES, FILE_BYTE);
  return Array.from({ length: content.length / PAGE_BYTES }, (_, index) => index).filter((index) =>
    page.equals(content.subarray(index * PAGE_BYTES, (index + 1) * PAGE_BYTES)),
  );
}

/** Takes the snapshot, puts it into a bank, and compares all that the filesystem used with what the bank has. */
async function requireExact(sys: FakeImageSys) {
  const plan = { ...PLAN, staging: STAGING, facts: JSON.stringify(FACTS), isChecked: true };
  const result = takeImage(sys, plan);
  const disk = sys.disks.get(DISK)!;
  assert.equal(disk.open, 0, 'what was opened is closed');
  const bank = Bank.create(new FakeStorage());
  const area = new StagingArea(sys, STAGING);
  await drainStaging(bank, area, area.readHeader()!, null);
  const restored = new Uint8Array(disk.bytes.length).fill(0xee);
  const snapshot = bank.find(PLAN.reference);
  const region = snapshot.description.regions.find(({ kind }) => kind === 'disk')!;
  const place = (start: number, bytes: Uint8Array): void => restored.set(bytes, start * PAGE_BYTES);
  await bank.place(snapshot, [
    {
      region,
      write: place,
      zero: (start, count) => place(start, new Uint8Array(count * PAGE_BYTES)),
      free() {},
      flush() {},
      read() {
        throw new Error('nothing is compared');
      },
    },
  ]);
  const device = disk.device('read');
  let used = 0;
  for (const { start, end } of usedPagesOfExt4(alignedReader(device, new Uint8Array(PAGE_BYTES)))!) {
    used += end - start;
    const [from, to] = [start * PAGE_BYTES, end * PAGE_BYTES];
    assert.ok(
      Buffer.from(restored.subarray(from, to)).equals(disk.bytes.subarray(from, to)),
      `pages ${start}`,
    );
  }
  return { ...result, used };
}

test('what programs write while a disk is copied is copied again', { skip }, async () => {
  const content = makeExt4(DISK_KIB, ['-b', '4096']);
  const pages = pagesOfFile(content);
  assert.ok(pages.length > 60);
  const write = fc.record({ moment: fc.constantFrom(...MOMENTS), page: fc.nat(pages.length - 1) });
  await fc.assert(
    fc.asyncProperty(fc.array(write, { maxLength: 12 }), async (writes) => {
      const sys = machine(content);
      const device = sys.disks.get(DISK)!.device('write');
      let [count, isStill] = [0, false];
      sys.onCall = (name) => {
        if (name === 'createImage') isStill = true;
        if (isStill) return;
        for (const { moment, page } of writes) {
          if (moment !== name) continue;
          count += 1;
          device.write(pages[page]! * PAGE_BYTES, new Uint8Array(PAGE_BYTES).fill(count));
        }
      };
      sys.disks.get(DISK)!.open -= 1;
      const { notAhead, diskBytes, pausedDiskBytes } = await requireExact(sys);
      assert.equal(notAhead, null);
      assert.ok(diskBytes > 0 && pausedDiskBytes <= writes.length * PAGE_BYTES);
    }),
    { numRuns: 12 },
  );
});

test('a file that comes while a disk is copied is in the snapshot, and only that is copied in the pause', {
  skip,
}, async () => {
  const content = makeExt4(DISK_KIB, ['-b', '4096']);
  const later = addFile(content, 'second', Buffer.alloc(200_000, 0x33));
  const sys = machine(content);
  const disk = sys.disks.get(DISK)!;
  sys.onCall = (name) => {
    if (name !== 'freeze') return;
    const device = disk.device('write');
    for (let at = 0; at < later.length; at += PAGE_BYTES) {
      const page = later.subarray(at, at + PAGE_BYTES);
      if (!Buffer.from(page).equals(disk.bytes.subarray(at, at + PAGE_BYTES))) device.write(at, page);
    }
    device.close();
  };
  const { pausedDiskBytes } = await requireExact(sys);
  assert.ok(pausedDiskBytes >= 200_000 && pausedDiskBytes < 300_000, String(pausedDiskBytes));
});

for (const [when, moment] of [
  ['in the first round', 2],
  ['in the pause', 3],
] as const) {
  test(`when nobody can say what was written ${when}, all is copied while everything stands still`, {
    skip,
  }, async () => {
    const sys = machine(makeExt4(DISK_KIB, ['-b', '4096']));
    let freezes = 0;
    sys.onCall = (name) => {
      if (name === 'freeze /') freezes += 1;
    };
    sys.isUnsure = () => freezes >= moment;
    const { pausedDiskBytes, diskBytes, notAhead } = await requireExact(sys);
    assert.equal(pausedDiskBytes, diskBytes);
    assert.equal(notAhead === null, moment === 3);
    assert.equal(sys.calls.filter((name) => name === 'unwatch').length, 1);
  });
}

test('a trace that cannot be read any more is none', { skip }, async () => {
  for (const moment of [2, 3]) {
    const sys = machine(makeExt4(DISK_KIB, ['-b', '4096']));
    let freezes = 0;
    sys.onCall = (name) => {
      if (name === 'freeze /' && ++freezes === moment) sys.failing.set('take', 'EIO');
    };
    const { pausedDiskBytes, diskBytes } = await requireExact(sys);
    assert.equal(pausedDiskBytes, diskBytes);
  }
});

test('a kernel without such a trace copies all in the pause, and says why', { skip }, async () => {
  const sys = machine(makeExt4(DISK_KIB, ['-b', '4096']));
  sys.failing.set('watch', 'ENOENT');
  const { notAhead, pausedDiskBytes, diskBytes } = await requireExact(sys);
  assert.match(notAhead!, /watch failed: ENOENT/);
  assert.equal(pausedDiskBytes, diskBytes);
});

test('a copy that is not what the disk holds is found, and the system goes on', { skip }, () => {
  const sys = machine(makeExt4(DISK_KIB, ['-b', '4096']));
  const disk = sys.disks.get(DISK)!;
  const [page] = pagesOfFile(disk.bytes);
  sys.onCall = (name) => {
    // Nobody is told of it.
    if (name === 'createImage') disk.bytes[page! * PAGE_BYTES] = 0xa5;
  };
  const { facts } = failure('E_STAGING', () =>
    takeImage(sys, { ...PLAN, staging: STAGING, isChecked: true }),
  );
  assert.equal(facts.disk, PLAN.disks[0]!.name);
  assert.ok(Number(facts.firstPage) <= page! && page! < Number(facts.firstPage) + Number(facts.pages));
  assert.ok(sys.calls.includes('thaw') && sys.calls.includes('thaw /'));
  assert.equal(new StagingArea(sys, STAGING).readHeader(), null);
});

test('while a system stands still it is noted how to let it go on', { skip }, () => {
  const sys = machine(makeExt4(DISK_KIB, ['-b', '4096']));
  let noted: string[] = [];
  sys.onCall = (name) => {
    if (name === 'createImage') noted = sys.undo.map(({ kind }) => kind);
  };
  takeImage(sys, { ...PLAN, staging: STAGING });
  assert.deepEqual(noted, [...PLAN.filesystems.map(() => 'thaw'), 'mount']);
  assert.deepEqual(sys.undo, []);
});
