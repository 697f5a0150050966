import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PAGE_BYTES } from '../../base/units.ts';
import { FakeImageSys, JumpedAway } from '../../sys/image-sys.fake.ts';
import { KERNEL, memoryOf, streamOf } from './image.fixture.ts';
import { loadImage } from './load-image.ts';
import type { Dialect } from './pfn-list.ts';
import { SectionWriter } from './section-writer.ts';
import { CHUNK_BYTES, StagingArea } from './staging-area.ts';
import { FIRST_SECTION_PAGE } from './staging-layout.ts';

const DISK = '/dev/vdz';

/** What the kernel is given of a staged stream. */
function load(
  staged: Uint8Array,
  dialect: Dialect | null,
  { isVerified = false, spoil = () => {} }: { isVerified?: boolean; spoil?(disk: Uint8Array): void } = {},
): Uint8Array {
  const sys = new FakeImageSys();
  const content = new Uint8Array((FIRST_SECTION_PAGE + 2) * PAGE_BYTES + staged.length);
  const disk = sys.addDisk(DISK, content);
  const area = new StagingArea(sys, { device: DISK, extents: [{ start: 0, sizeBytes: content.length }] });
  const writer = new SectionWriter(area, FIRST_SECTION_PAGE);
  for (let at = 0; at < staged.length; at += CHUNK_BYTES)
    writer.append(staged.subarray(at, at + CHUNK_BYTES));
  const buffer = sys.allocatePages(CHUNK_BYTES);
  const image = writer.finish({ kind: 'image', name: '', sizeBytes: staged.length }, null, buffer);
  spoil(disk.bytes);
  const snapshot = sys.openSnapshotDevice('restore');
  loadImage(snapshot, area, image, buffer, { dialect, isVerified });
  assert.throws(() => snapshot.atomicRestore(), JumpedAway);
  return sys.written;
}

/** Runs of page frames: pages between them that are not there, their number, and a byte that they are filled with. */
const memories = fc
  .array(fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 120 }), fc.nat(2)), { minLength: 1, maxLength: 12 })
  .map((runs) => {
    let pfn = 0;
    return memoryOf(
      runs.flatMap(([gap, count, byte]) => {
        pfn += gap;
        return Array.from(
          { length: count },
          (_, index) => [pfn++, byte === 0 ? 0 : 1 + (index % 250)] as const,
        );
      }),
    );
  });

test('a kernel gets every page in its own dialect', () => {
  fc.assert(
    fc.property(memories, (memory) => {
      const [flagged, plain] = [streamOf(memory, 'zero-flag'), streamOf(memory, 'plain')];
      assert.ok(Buffer.compare(load(flagged, 'plain'), plain) === 0);
      assert.ok(Buffer.compare(load(flagged, 'plain', { isVerified: true }), plain) === 0);
      assert.ok(Buffer.compare(load(plain, 'plain'), plain) === 0);
      assert.ok(Buffer.compare(load(flagged, 'zero-flag'), flagged) === 0);
      assert.ok(Buffer.compare(load(plain, null), plain) === 0);
    }),
    { numRuns: 15 },
  );
});

test('a stream that has changed is found out in every dialect', () => {
  const memory = memoryOf(Array.from({ length: 600 }, (_, index) => [index, index % 3] as const));
  for (const dialect of ['plain', 'zero-flag'] as const) {
    const staged = streamOf(memory, 'zero-flag', KERNEL);
    const spoil = (disk: Uint8Array): void => {
      disk[FIRST_SECTION_PAGE * PAGE_BYTES + staged.length - 1]! ^= 1;
    };
    assert.throws(() => load(staged, dialect, { spoil }), { code: 'E_STAGING' });
  }
});

test('a list that does not fit its data is refused before the kernel gets anything of it', () => {
  const memory = memoryOf(Array.from({ length: 600 }, (_, index) => [index, index % 3] as const));
  const spoil = (disk: Uint8Array): void => {
    disk[(FIRST_SECTION_PAGE + 1) * PAGE_BYTES + 15]! ^= 0x80;
  };
  assert.throws(() => load(streamOf(memory, 'zero-flag'), 'plain', { spoil }), { code: 'E_IMAGE_STREAM' });
});
