import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bank } from '../../bank/bank.ts';
import { failure } from '../../base/errors.fixture.ts';
import { PAGE_BYTES } from '../../base/units.ts';
import { KERNEL, type Memory, memoryOf, streamOf } from '../../engine/image/image.fixture.ts';
import type { Dialect } from '../../engine/image/pfn-list.ts';
import { restoreImage } from '../../engine/image/restore-image.ts';
import { CHUNK_BYTES, StagingArea } from '../../engine/image/staging-area.ts';
import { takeImage } from '../../engine/image/take-image.ts';
import { FakeImageSys, JumpedAway } from '../../sys/image-sys.fake.ts';
import { FakeStorage } from '../../sys/storage.fake.ts';
import { drainStaging } from './drain.ts';
import { imageKernelOf } from './image-facts.ts';
import { stageSnapshot } from './stage-snapshot.ts';
import { PLAN } from './take-image.fixture.ts';

const AREA = PLAN.staging.device;
const DISK = PLAN.disks[0]!.path;
const AREA_PAGES = 900;
const { staging: STAGING, id: ID } = PLAN;
const MEMORY: Memory = memoryOf(
  Array.from({ length: 700 }, (_, index): [number, number] => [
    index * 2 + (index % 3),
    (index * 7) % 5,
  ]).filter(([pfn], at, all) => at === 0 || pfn > all[at - 1]![0]),
);
function machine(dialect: Dialect): FakeImageSys {
  const sys = new FakeImageSys();
  sys.addDisk(AREA, new Uint8Array(AREA_PAGES * PAGE_BYTES).fill(0x55));
  const content = new Uint8Array(40 * PAGE_BYTES + 512);
  content.fill(3, 5 * PAGE_BYTES, 9 * PAGE_BYTES);
  content.fill(4, 40 * PAGE_BYTES);
  sys.addDisk(DISK, content);
  sys.stream = streamOf(MEMORY, dialect);
  return sys;
}

for (const [taken, loader] of [
  ['zero-flag', 'zero-flag'],
  ['zero-flag', 'plain'],
  ['plain', 'zero-flag'],
  ['plain', 'plain'],
] as const) {
  test(`an image of a ${taken} kernel goes into the bank and out of it to a ${loader} kernel`, async () => {
    const sys = machine(taken);
    const before = sys.disks.get(DISK)!.bytes.slice();
    const outside = sys.disks.get(AREA)!.bytes.slice(0, 8 * PAGE_BYTES);
    assert.equal(takeImage(sys, PLAN).outcome, 'taken');
    assert.deepEqual(sys.calls, [
      // No filesystem says what it uses: all is copied later.
      'freeze /srv',
      'freeze /',
      'watch',
      'thaw /',
      'thaw /srv',
      'unwatch',
      'unmount /bank',
      'dropCaches',
      'open',
      'freeze',
      'freeze /srv',
      'freeze /',
      'createImage',
      'free',
      'thaw /',
      'thaw /srv',
      'thaw',
      'close',
      'mount /bank',
    ]);

    const bank = Bank.create(new FakeStorage());
    const area = new StagingArea(sys, STAGING);
    await drainStaging(bank, area, area.readHeader()!, 700);
    assert.equal(area.readHeader(), null);
    const snapshot = bank.find('debian12@one');
    const { description } = snapshot;
    assert.deepEqual([description.engine, description.pausedMs], ['image', 700]);
    assert.equal(description.pages.stored + description.pages.zero, MEMORY.size + 41);

    const kernel = imageKernelOf(description)!;
    const staged = { bank, snapshot, kernel, id: ID, dialect: loader, buffer: new Uint8Array(CHUNK_BYTES) };
    const pending = await stageSnapshot(area, staged);
    assert.deepEqual(pending, { reference: 'debian12@one', generation: 1, pages: MEMORY.size });

    sys.disks.get(DISK)!.bytes.fill(0xee);
    sys.calls.splice(0);
    // Its cause is the jump, from which the real one does not return.
    const { cause } = failure('E_RESTORE_UNFINISHED', () => restoreImage(sys, PLAN));
    assert.ok(cause instanceof JumpedAway);
    // A plain kernel has zeros among its data, and the bank knows them for what they are.
    assert.ok(Buffer.from(streamOf(MEMORY, loader, KERNEL)).equals(sys.written));
    assert.ok(Buffer.from(before).equals(sys.disks.get(DISK)!.bytes));
    assert.deepEqual(sys.disks.get(AREA)!.bytes.slice(0, 8 * PAGE_BYTES), outside);
    assert.equal(area.readHeader()?.generation, 1);
  });
}

test('a system that comes back from its image says so, and thaws what it had frozen', () => {
  const sys = machine('zero-flag');
  sys.comesBack = true;
  const { outcome, stagesMs } = takeImage(sys, PLAN);
  assert.equal(outcome, 'restored');
  assert.deepEqual(Object.keys(stagesMs), ['freeze', 'filesystems', 'thaw']);
  assert.deepEqual(sys.calls.slice(-5), ['thaw /', 'thaw /srv', 'thaw', 'close', 'mount /bank']);
});

for (const failing of ['open', 'freeze', 'freeze /', 'createImage']) {
  test(`when ${failing} fails, everything that was frozen runs again and nothing whole is staged`, () => {
    const sys = machine('plain');
    sys.failing.set(failing, 'EBUSY');
    assert.equal(failure('E_SYSCALL', () => takeImage(sys, PLAN)).facts.errno, 'EBUSY');
    const froze = sys.calls.filter((call) => call.startsWith('freeze /') && call !== failing);
    for (const call of froze) assert.ok(sys.calls.includes(call.replace('freeze', 'thaw')), call);
    assert.equal(new StagingArea(sys, STAGING).readHeader(), null);
  });
}

test('an image that does not fit the area is E_STAGING_FULL, and the system goes on', () => {
  const sys = machine('plain');
  const small = { device: AREA, extents: [{ start: 0, sizeBytes: 60 * PAGE_BYTES }] };
  failure('E_STAGING_FULL', () => takeImage(sys, { ...PLAN, staging: small }));
  assert.deepEqual(sys.calls.slice(-6), ['free', 'thaw /', 'thaw /srv', 'thaw', 'close', 'mount /bank']);
  assert.equal(new StagingArea(sys, small).readHeader(), null);
});

test('a filesystem that cannot be frozen is synced instead', () => {
  const sys = machine('plain');
  sys.failing.set('freeze /srv', 'EOPNOTSUPP');
  takeImage(sys, PLAN);
  assert.ok(sys.calls.includes('sync') && !sys.calls.includes('thaw /srv'));
});

test('what has changed since it was staged is not restored', async () => {
  const sys = machine('plain');
  takeImage(sys, PLAN);
  const bank = Bank.create(new FakeStorage());
  const area = new StagingArea(sys, STAGING);
  failure('E_STAGING', () => restoreImage(sys, PLAN));
  await drainStaging(bank, area, area.readHeader()!, null);
  const snapshot = bank.find('debian12@one');
  const kernel = imageKernelOf(snapshot.description)!;
  const staged = {
    bank,
    snapshot,
    kernel,
    id: ID,
    dialect: 'plain' as const,
    buffer: new Uint8Array(CHUNK_BYTES),
  };
  await stageSnapshot(area, staged);
  failure('E_STAGING', () => restoreImage(sys, { ...PLAN, id: 'cd'.repeat(16) }));
  failure('E_DISK_MISSING', () => restoreImage(sys, { ...PLAN, disks: [] }));
  const image = area.readHeader()!.sections[0]!;
  const page = new Uint8Array(PAGE_BYTES).fill(0x77);
  area.writeAny(image.firstPage + image.dataPages - 1, page);
  const { facts } = failure('E_STAGING', () => restoreImage(sys, PLAN));
  assert.equal(facts.section, 'image');
  assert.ok(!sys.calls.includes('atomicRestore'));
});

test('a restore that fails after disks were written says that it is unfinished', async () => {
  const sys = machine('plain');
  takeImage(sys, PLAN);
  const bank = Bank.create(new FakeStorage());
  const area = new StagingArea(sys, STAGING);
  await drainStaging(bank, area, area.readHeader()!, null);
  const snapshot = bank.find('debian12@one');
  const kernel = imageKernelOf(snapshot.description)!;
  const buffer = new Uint8Array(CHUNK_BYTES);
  await stageSnapshot(area, { bank, snapshot, kernel, id: ID, dialect: 'plain', buffer });
  sys.failing.set('atomicRestore', 'EBUSY');
  failure('E_RESTORE_UNFINISHED', () => restoreImage(sys, PLAN));
  assert.deepEqual(area.readHeader()?.state, 'begun');
  sys.failing.set('freeze', 'EBUSY');
  // Also when the next attempt fails earlier.
  failure('E_RESTORE_UNFINISHED', () => restoreImage(sys, PLAN));
});
