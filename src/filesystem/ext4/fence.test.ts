import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readExt4Fence } from './fence.ts';
import { diskOf, HAS_E2FSPROGS, makeExt4 } from './image.fixture.ts';

const skip = HAS_E2FSPROGS ? false : 'e2fsprogs are not installed';

test('the fence is that of the superblock and the journal', { skip }, () => {
  const image = makeExt4(32 * 1024, ['-b', '4096', '-E', 'lazy_journal_init=0']);
  const fence = readExt4Fence(diskOf(image));
  assert.match(fence!, /^[0-9a-f]{64}$/);
  assert.equal(readExt4Fence(diskOf(image.slice())), fence);
  // s_wtime: every mount writes it.
  const mounted = image.slice();
  mounted[1024 + 0x30]! ^= 1;
  assert.notEqual(readExt4Fence(diskOf(mounted)), fence);
  // The journal's superblock begins with c03b3998 00000004.
  const journal = Buffer.from(image).indexOf(Buffer.from('c03b399800000004', 'hex'));
  assert.ok(journal > 0);
  for (const offset of [0x18, 4096 * 3]) {
    const written = image.slice();
    written[journal + offset]! ^= 1;
    assert.notEqual(readExt4Fence(diskOf(written)), fence, `byte ${offset} of the journal`);
  }
});

test('a filesystem without a journal of its own has no such fence', { skip }, () => {
  assert.equal(readExt4Fence(diskOf(makeExt4(16 * 1024, ['-t', 'ext2']))), null);
  assert.equal(readExt4Fence(diskOf(new Uint8Array(65_536))), null);
  assert.equal(readExt4Fence(diskOf(new Uint8Array(100))), null);
});

test('readExt4Fence() of a damaged filesystem answers and stays inside the disk', { skip }, () => {
  const fresh = makeExt4(8 * 1024, ['-b', '1024']);
  const change = fc.array(fc.tuple(fc.integer({ min: 1024, max: 100_000 }), fc.nat(255)), { maxLength: 200 });
  fc.assert(
    fc.property(change, (changes) => {
      const image = fresh.slice();
      for (const [at, value] of changes) image[at] = value;
      const fence = readExt4Fence(diskOf(image));
      assert.ok(fence === null || /^[0-9a-f]{64}$/.test(fence));
    }),
    { numRuns: 50 },
  );
});
