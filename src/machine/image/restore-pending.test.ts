import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../../base/errors.fixture.ts';
import { PAGE_BYTES } from '../../base/units.ts';
import { KERNEL, memoryOf, streamOf } from '../../engine/image/image.fixture.ts';
import { visitSection } from '../../engine/image/section-reader.ts';
import { CHUNK_BYTES, StagingArea } from '../../engine/image/staging-area.ts';
import { takeImage } from '../../engine/image/take-image.ts';
import { FakeSys } from '../../sys/fake.ts';
import { FakeImageSys } from '../../sys/image-sys.fake.ts';
import { restorePending } from './restore-pending.ts';
import { STAGING_FILE } from './staging-place.ts';
import { BANK } from './take-image.fixture.ts';

const EXTENTS = [{ start: 0, sizeBytes: 100 * PAGE_BYTES }];
const PLACE = { device: '/dev/vdb', extents: EXTENTS };
const MEMORY = memoryOf([
  [3, 1],
  [4, 0],
]);

/** A machine at its start, with an image in its staging area. */
function machine(state: 'taken' | 'pending' | 'begun', files: Record<string, string> = {}) {
  const image = new FakeImageSys();
  image.addDisk('/dev/vdb', new Uint8Array(100 * PAGE_BYTES));
  const disk = image.addDisk('/dev/vda', new Uint8Array(8 * PAGE_BYTES).fill(1));
  image.stream = streamOf(MEMORY, 'plain');
  const [id, reference] = ['0'.repeat(32), 'debian@one'];
  const disks = [{ name: 'dev:vda', path: '/dev/vda' }];
  takeImage(image, {
    bank: BANK,
    staging: PLACE,
    id,
    createdMs: 1,
    reference,
    filesystems: [],
    disks,
    facts: '{}',
  });
  const area = new StagingArea(image, PLACE);
  const header = area.readHeader()!;
  const buffer = image.allocatePages(CHUNK_BYTES);
  const sections = header.sections.map((section) => ({
    ...section,
    checksum: visitSection(area, section, buffer),
  }));
  area.writeHeader({ ...header, state, sections, generation: 2 });
  disk.bytes.fill(9);
  image.calls.splice(0);
  let jumps = 0;
  image.onLeave = () => {
    jumps += 1;
  };
  const sys = new FakeSys({
    release: '6.1.0',
    files: {
      [STAGING_FILE]: JSON.stringify({ version: 1, disk: 'dev:vdb', extents: EXTENTS }),
      '/dev/vda': '',
      '/dev/vdb': '',
      '/sys/class/block/vda/size': '64\n',
      '/sys/class/block/vdb/size': '800\n',
      '/proc/cmdline': 'quiet\n',
      ...files,
    },
  });
  return { sys, image, disk, area, jumps: () => jumps };
}

test('without a staging area, or with nothing that waits in it, the start goes on', () => {
  assert.equal(restorePending(new FakeSys(), new FakeImageSys()).outcome, 'none');
  const { sys, image, area } = machine('taken');
  assert.equal(restorePending(sys, image).outcome, 'none');
  assert.equal(area.readHeader()?.state, 'taken');
});

for (const state of ['pending', 'begun'] as const) {
  test(`a restore that is ${state} is performed with the disks and the memory of the snapshot`, () => {
    const { sys, image, disk, jumps } = machine(state);
    // The jump itself, from which the real one does not return.
    assert.throws(() => restorePending(sys, image), /stopped after disks were written/);
    assert.equal(jumps(), 1);
    assert.ok(Buffer.from(streamOf(MEMORY, 'plain')).equals(image.written));
    assert.ok(disk.bytes.every((byte) => byte === 1));
  });
}

test('what this kernel would refuse is discarded, and the start goes on', () => {
  const { sys, image, area, disk } = machine('pending', {
    '/proc/zoneinfo': `Node 0, zone Normal\n        present  ${KERNEL.physPages + 1}\n`,
  });
  const result = restorePending(sys, image);
  assert.ok(result.outcome === 'discarded' && result.error?.code === 'E_OTHER_MACHINE');
  assert.equal(area.readHeader(), null);
  assert.ok(disk.bytes.every((byte) => byte === 9));
});

test('one that is not wanted is discarded; one that has begun is completed all the same', () => {
  const unwanted = machine('pending', { '/proc/cmdline': 'quiet torpor.restore=no\n' });
  const result = restorePending(unwanted.sys, unwanted.image);
  assert.deepEqual(result, { outcome: 'discarded', reference: 'debian@one', error: null });
  assert.equal(unwanted.area.readHeader(), null);
  const begun = machine('begun', { '/proc/cmdline': 'torpor.restore=no\n' });
  assert.throws(() => restorePending(begun.sys, begun.image));
  assert.equal(begun.jumps(), 1);
});

test('disks that are half written are never started from', () => {
  const { sys, image, area } = machine('begun');
  image.failing.set('open', 'EBUSY');
  failure('E_RESTORE_UNFINISHED', () => restorePending(sys, image));
  assert.equal(area.readHeader()?.state, 'begun');
});

test('a damaged file that says where the area is, is E_STAGING', () => {
  for (const text of ['{', '{"version":2}']) {
    failure('E_STAGING', () =>
      restorePending(new FakeSys({ files: { [STAGING_FILE]: text } }), new FakeImageSys()),
    );
  }
});
