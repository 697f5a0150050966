import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BLOCK_UNINIT, readGroupDescriptor } from './group-descriptor.ts';
import { diskOf, HAS_E2FSPROGS, makeExt4, usedBlocksOf } from './image.fixture.ts';
import { decodeSuperblock, readExt4Layout, SUPERBLOCK, SUPERBLOCK_BYTES } from './superblock.ts';
import { usedPagesOfExt4 } from './used-pages.ts';

const skip = HAS_E2FSPROGS ? false : 'e2fsprogs are not installed';
const SUPER = 1024;
const ascending = (a: number, b: number): number => a - b;

for (const [what, sizeKib, options] of [
  ['blocks of 4 KiB', 64 * 1024, ['-b', '4096']],
  ['blocks of 1 KiB', 20 * 1024, ['-b', '1024']],
  ['several groups with all bitmaps written', 40 * 1024, ['-b', '1024', '-O', '^uninit_bg,^metadata_csum']],
  ['an ext2', 20 * 1024, ['-t', 'ext2', '-b', '1024']],
  ['an ext3', 40 * 1024, ['-t', 'ext3', '-b', '4096']],
  ['a size that is no whole number of groups', 33_333, ['-b', '1024']],
] as const) {
  test(`${what}: every used block is in a used page, and there are others`, { skip }, () => {
    const image = makeExt4(sizeKib, options);
    const layout = readExt4Layout(diskOf(image))!;
    const used = usedBlocksOf(image, layout.blocks);
    const pages = new Set<number>();
    let end = -1;
    for (const range of usedPagesOfExt4(diskOf(image))!) {
      assert.ok(range.start > end && range.end > range.start, 'ascending and apart');
      end = range.end;
      for (let page = range.start; page < range.end; page += 1) pages.add(page);
    }
    assert.ok(end <= Math.ceil(image.length / 4096));
    for (const block of used)
      assert.ok(pages.has(Math.floor((block * layout.blockBytes) / 4096)), `block ${block}`);
    assert.ok(pages.has(0));
    const total = Math.ceil(image.length / 4096);
    assert.ok(pages.size < 0.9 * total, `${pages.size} of ${total} pages`);
  });
}

for (const [what, sizeKib, options] of [
  ['with blocks of 4 KiB', 96 * 1024, ['-b', '4096', '-g', '4096']],
  ['with blocks of 1 KiB', 64 * 1024, ['-b', '1024']],
  ['with their own tables', 64 * 1024, ['-b', '1024', '-O', '^flex_bg']],
  ['with superblocks in every group', 64 * 1024, ['-b', '1024', '-O', '^sparse_super,^resize_inode']],
] as const) {
  test(`ext4 groups, ${what}, that have no bitmap yet are as free as they are`, { skip }, () => {
    const image = makeExt4(sizeKib, options);
    const layout = readExt4Layout(diskOf(image))!;
    const uninit = Array.from({ length: layout.groups }, (_, group) => group).filter(
      (group) => (readGroupDescriptor(diskOf(image), layout, group)!.flags & BLOCK_UNINIT) !== 0,
    );
    assert.ok(uninit.length > 0, 'there is none');
    const expected = new Set<number>([0]);
    for (const block of usedBlocksOf(image, layout.blocks))
      expected.add(Math.floor((block * layout.blockBytes) / 4096));
    const pages = new Set<number>();
    for (const { start, end } of usedPagesOfExt4(diskOf(image))!)
      for (let page = start; page < end; page += 1) pages.add(page);
    assert.deepEqual([...pages].toSorted(ascending), [...expected].toSorted(ascending));
  });
}

test('a group without a bitmap whose count does not agree is used whole', { skip }, () => {
  const image = makeExt4(96 * 1024, ['-b', '4096', '-g', '4096']);
  const layout = readExt4Layout(diskOf(image))!;
  const group = Array.from({ length: layout.groups }, (_, index) => index).find(
    (index) => (readGroupDescriptor(diskOf(image), layout, index)!.flags & BLOCK_UNINIT) !== 0,
  )!;
  const at = layout.blockBytes + group * layout.descriptorBytes;
  image[at + 0x0c]! ^= 1;
  const [start, end] = [group * layout.blocksPerGroup, (group + 1) * layout.blocksPerGroup];
  assert.ok([...usedPagesOfExt4(diskOf(image))!].some((range) => range.start <= start && range.end >= end));
});

test('what lies behind the filesystem is used', { skip }, () => {
  const image = makeExt4(16 * 1024, ['-b', '4096']);
  const disk = new Uint8Array(image.length + 12_288);
  disk.set(image);
  const ranges = [...usedPagesOfExt4(diskOf(disk))!];
  assert.equal(ranges.at(-1)!.end, disk.length / 4096);
});

test('a filesystem that is mounted, unclean or not understood says nothing', { skip }, () => {
  const fresh = makeExt4(16 * 1024, ['-b', '4096']);
  const with1 = (change: Parameters<typeof SUPERBLOCK.encodeInto>[1]) => {
    const image = fresh.slice();
    SUPERBLOCK.encodeInto(image, change, SUPER);
    return usedPagesOfExt4(diskOf(image));
  };
  const raw = SUPERBLOCK.decode(fresh, SUPER);
  assert.notEqual(with1({}), null);
  assert.equal(with1({ incompat: raw.incompat | 0x4 }), null, 'needs_recovery');
  assert.equal(with1({ incompat: raw.incompat | 0x10 }), null, 'meta_bg');
  assert.equal(with1({ incompat: raw.incompat | 0x80000000 }), null, 'a feature of the future');
  assert.equal(with1({ roCompat: raw.roCompat | 0x200 }), null, 'bigalloc');
  assert.equal(with1({ roCompat: raw.roCompat | 0x10000 }), null, 'orphans');
  assert.equal(with1({ state: 0 }), null, 'mounted without a journal');
  assert.equal(with1({ state: 3 }), null, 'errors');
  assert.equal(with1({ magic: 0 }), null, 'no ext4');
});

test('a group whose bitmap does not agree with its count is used whole', { skip }, () => {
  const image = makeExt4(16 * 1024, ['-b', '4096', '-O', '^metadata_csum,^uninit_bg']);
  const before = [...usedPagesOfExt4(diskOf(image))!];
  // bg_free_blocks_count_lo of the first group, whose descriptor is in block 1.
  image[4096 + 0x0c]! ^= 1;
  const after = [...usedPagesOfExt4(diskOf(image))!];
  assert.ok(before[0]!.end < image.length / 4096);
  assert.deepEqual(after, [{ start: 0, end: image.length / 4096 }]);
});

test('decodeSuperblock() answers any bytes with a layout in bounds or null', () => {
  const base = new Uint8Array(SUPERBLOCK_BYTES);
  SUPERBLOCK.encodeInto(base, {
    ...{ magic: 0xef53, state: 1, revision: 1, inodeSize: 256, logBlockSize: 2, blocksPerGroup: 32_768 },
    ...{
      blocksLow: 4096,
      inodesPerGroup: 1024,
      compat: 4,
      incompat: 0x2c2,
      descriptorSize: 64,
      journalInode: 8,
    },
  });
  assert.notEqual(decodeSuperblock(base, 2 ** 24), null);
  const change = fc.array(fc.tuple(fc.nat(0x160), fc.nat(255)), { maxLength: 6 });
  fc.assert(
    fc.property(change, fc.nat(2 ** 26), (changes, diskBytes) => {
      const bytes = base.slice();
      for (const [at, value] of changes) bytes[at] = value;
      const layout = decodeSuperblock(bytes, diskBytes);
      if (layout === null) return;
      assert.ok(layout.blocks * layout.blockBytes <= diskBytes);
      assert.ok(layout.groups > 0 && Number.isSafeInteger(layout.groups));
      assert.ok(layout.blocksPerGroup <= layout.blockBytes * 8);
    }),
    { numRuns: 2000 },
  );
});

test('usedPagesOfExt4() of a damaged filesystem stays inside the disk and ends', { skip }, () => {
  const fresh = makeExt4(4 * 1024, ['-b', '1024']);
  const change = fc.array(fc.tuple(fc.integer({ min: 1024, max: 12_000 }), fc.nat(255)), { maxLength: 30 });
  fc.assert(
    fc.property(change, (changes) => {
      const image = fresh.slice();
      for (const [at, value] of changes) image[at] = value;
      let end = 0;
      for (const range of usedPagesOfExt4(diskOf(image)) ?? []) {
        assert.ok(range.start >= end && range.end > range.start);
        end = range.end;
      }
      assert.ok(end <= image.length / 4096);
    }),
    { numRuns: 100 },
  );
});
