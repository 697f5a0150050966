import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Bank } from '../../bank/bank.ts';
import { asyncFailure } from '../../base/errors.fixture.ts';
import { PAGE_BYTES } from '../../base/units.ts';
import { KERNEL, streamOf } from '../../engine/image/image.fixture.ts';
import { readE820Checksum } from '../../engine/image/loader.ts';
import { readParkingArea } from '../../engine/image/parking-area.ts';
import { StagingArea } from '../../engine/image/staging-area.ts';
import { takeImage } from '../../engine/image/take-image.ts';
import { FakeDisk } from '../../sys/block-device.fake.ts';
import type { FakeSys } from '../../sys/fake.ts';
import type { FakeImageSys } from '../../sys/image-sys.fake.ts';
import { openStorage } from '../../sys/linux/storage.ts';
import { drainStaging } from '../image/drain.ts';
import { readImageFacts } from '../image/image-facts.ts';
import type { ImageSession } from '../image/image-session.ts';
import { readOwnSystem } from '../image/own-system.ts';
import { BANK } from '../image/take-image.fixture.ts';
import { AREA, MEMORIES, makeDisks, type OsName, runOs } from './parking.fixture.ts';
import { listParked } from './slots.ts';
import { previewSwitchToSnapshot, switchToSnapshot } from './switch-to-snapshot.ts';

const BANK_DISK = '/dev/vdd';
const PLACE = { device: BANK_DISK, extents: [{ start: 0, sizeBytes: 400 * PAGE_BYTES }] };
const DISKS = { debian12: '/dev/vda', debian13: '/dev/vdb' };

/** An OS that has the disk of the bank mounted. */
function withBank(image: FakeImageSys, os: OsName, bank: string): FakeSys {
  const sys = runOs(image, os, {
    [BANK_DISK]: '',
    '/sys/class/block/vdd/size': '128\n',
    '/sys/class/block/vdd/dev': '254:48\n',
  });
  sys.files.set(
    '/proc/self/mountinfo',
    `${sys.readTextFile('/proc/self/mountinfo')}24 22 254:48 / ${bank} rw - ext4 ${BANK_DISK} rw\n`,
  );
  sys.disks.set(BANK_DISK, new FakeDisk(BANK_DISK, new Uint8Array(512)));
  return sys;
}

async function save(image: FakeImageSys, os: OsName, directory: string): Promise<void> {
  const sys = withBank(image, os, directory);
  const store = Bank.open(openStorage(directory), { write: true });
  const area = new StagingArea(image, PLACE);
  takeImage(image, {
    bank: BANK,
    staging: PLACE,
    id: '0'.repeat(32),
    createdMs: 1,
    reference: `${os}@one`,
    filesystems: [],
    disks: [{ name: `dev:${DISKS[os].slice('/dev/'.length)}`, path: DISKS[os] }],
    facts: JSON.stringify(readImageFacts(sys, { os, tag: 'one', note: '' })),
  });
  await drainStaging(store, area, area.readHeader()!, null);
  store.close();
}

interface Machine {
  readonly image: FakeImageSys;
  readonly directory: string;
  /** Debian 12 runs. */
  session(): ImageSession;
}

/** Both OSes are in the bank. */
async function onMachine(action: (machine: Machine) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'torpor-switch-'));
  try {
    const image = makeDisks();
    image.addDisk(BANK_DISK, new Uint8Array(400 * PAGE_BYTES));
    Bank.create(openStorage(directory)).close();
    for (const os of ['debian12', 'debian13'] as const) await save(image, os, directory);
    const session = (): ImageSession => {
      const sys = withBank(image, 'debian12', directory);
      return { sys, image, own: readOwnSystem(sys, directory), staging: PLACE, bankPlace: { directory } };
    };
    await action({ image, directory, session });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const parkedOn = (image: FakeImageSys): string[] =>
  listParked(image, readParkingArea(image, AREA)!).map(({ os }) => os);

const stateOf = (image: FakeImageSys): string | undefined =>
  new StagingArea(image, PLACE).readHeader()?.state;

test('this OS is parked, the other one comes back with its disk', async () => {
  await onMachine(async ({ image, directory, session }) => {
    const there = session();
    image.disks.get('/dev/vdb')!.bytes.fill(9);
    let left: { parked: string[]; disk: Uint8Array; staged: string | undefined } | null = null;
    image.onLeave = () => {
      const disk = image.disks.get('/dev/vdb')!.bytes.slice();
      left = { parked: parkedOn(image), disk, staged: stateOf(image) };
    };
    // The jump of this test is one that fails.
    await asyncFailure('E_RESTORE_UNFINISHED', switchToSnapshot(there, 'debian13@one'));
    const kernel = { ...KERNEL, e820Checksum: readE820Checksum(there.sys)! };
    assert.ok(Buffer.from(streamOf(MEMORIES.debian13, 'plain', kernel)).equals(image.written));
    assert.deepEqual(left, {
      parked: ['debian12'],
      disk: new Uint8Array(16 * PAGE_BYTES).fill(3),
      staged: 'begun',
    });
    const order = image.calls.filter((call) => call.includes(directory) || /^(freeze|atomic)/.test(call));
    assert.deepEqual(order, [
      `unmount ${directory}`,
      ...['freeze', 'freeze /', 'freeze', 'atomicRestore'],
      `mount ${directory}`,
    ]);
  });
});

test('a switch that stops half-way leaves this OS running, not parked, and can be repeated', async () => {
  await onMachine(async ({ image, session }) => {
    const error = await asyncFailure('E_RESTORE_UNFINISHED', switchToSnapshot(session(), 'debian13@one'));
    assert.match(error.hint ?? '', /this OS goes on.*torpor switch debian13@one/);
    assert.deepEqual([parkedOn(image), stateOf(image)], [[], 'begun']);
    const there = session();
    image.disks.get('/dev/vdb')!.bytes.fill(1);
    await asyncFailure('E_RESTORE_UNFINISHED', switchToSnapshot(there, 'debian13@one'));
    assert.deepEqual(image.disks.get('/dev/vdb')!.bytes, new Uint8Array(16 * PAGE_BYTES).fill(3));
  });
});

for (const failing of ['freeze', 'createImage', 'write']) {
  test(`when ${failing} fails no disk is touched and nothing waits`, async () => {
    await onMachine(async ({ image, session }) => {
      const there = session();
      image.disks.get('/dev/vdb')!.bytes.fill(9);
      image.failing.set(failing, 'EIO');
      await assert.rejects(switchToSnapshot(there, 'debian13@one'));
      assert.deepEqual(image.disks.get('/dev/vdb')!.bytes, new Uint8Array(16 * PAGE_BYTES).fill(9));
      assert.deepEqual([parkedOn(image), stateOf(image)], [[], undefined]);
    });
  });
}

test('a snapshot of the OS that runs is refused: what is parked must find its disks as they were', async () => {
  await onMachine(async ({ image, session }) => {
    const there = session();
    const error = await asyncFailure('E_DISK_IN_USE', switchToSnapshot(there, 'debian12@one'));
    assert.match(error.hint ?? '', /torpor restore debian12@one/);
    assert.deepEqual([parkedOn(image), image.calls], [[], []]);
  });
});

test('a plan names what is parked and what comes, and touches nothing', async () => {
  await onMachine(async ({ image, directory, session }) => {
    const { sys, bankPlace } = session();
    const { plan, snapshot } = await previewSwitchToSnapshot(sys, image, bankPlace, 'debian13@one');
    assert.deepEqual(
      [plan.own.slot, plan.own.shared.map(({ mountPoint }) => mountPoint), snapshot.obstacles],
      [0, [directory], []],
    );
    const own = await previewSwitchToSnapshot(sys, image, bankPlace, 'debian12@one');
    assert.deepEqual(
      own.snapshot.obstacles.map(({ code }) => code),
      ['E_DISK_IN_USE'],
    );
    assert.deepEqual(image.calls, []);
  });
});
