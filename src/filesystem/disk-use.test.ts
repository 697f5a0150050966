import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MIB, PAGE_BYTES } from '../base/units.ts';
import { readDiskUse } from './disk-use.ts';
import { diskOf, HAS_E2FSPROGS, makeExt4 } from './ext4/image.fixture.ts';
import { SUPERBLOCK } from './ext4/superblock.ts';
import { usedPagesOfExt4 } from './ext4/used-pages.ts';
import { makeGpt } from './partition-table.fixture.ts';

const skip = HAS_E2FSPROGS ? false : 'e2fsprogs are not installed';
const FIRST = { start: MIB, end: 2 * MIB };
const SECOND = { start: 3 * MIB, end: 19 * MIB };
const NEEDS_RECOVERY = 4;

function partitioned(filesystem: Uint8Array): Uint8Array {
  const disk = makeGpt(20 * MIB, [FIRST, SECOND]);
  disk.set(filesystem, SECOND.start);
  return disk;
}

test('of a filesystem in a partition only what it uses counts, and all around it', { skip }, () => {
  const filesystem = makeExt4(16 * 1024, ['-b', '4096']);
  const shift = SECOND.start / PAGE_BYTES;
  const inside = [...usedPagesOfExt4(diskOf(filesystem))!].map(({ start, end }) => ({
    start: start + shift,
    end: end + shift,
  }));
  const { pages, isUnquiet } = readDiskUse(diskOf(partitioned(filesystem)));
  assert.equal(isUnquiet, false);
  const [first, ...rest] = inside;
  assert.deepEqual(
    [...pages],
    [
      { start: 0, end: first!.end },
      ...rest,
      { start: SECOND.end / PAGE_BYTES, end: (20 * MIB) / PAGE_BYTES },
    ],
  );
  assert.deepEqual([...pages].length, rest.length + 2, 'every look finds the same');
});

test('one that is mounted counts whole, and is told', { skip }, () => {
  const filesystem = makeExt4(16 * 1024, ['-b', '4096']);
  const { incompat } = SUPERBLOCK.decode(filesystem, 1024);
  SUPERBLOCK.encodeInto(filesystem, { incompat: incompat | NEEDS_RECOVERY }, 1024);
  for (const [disk, sizeBytes] of [
    [filesystem, filesystem.length],
    [partitioned(filesystem), 20 * MIB],
  ] as const) {
    const { pages, isUnquiet } = readDiskUse(diskOf(disk));
    assert.equal(isUnquiet, true);
    assert.deepEqual([...pages], [{ start: 0, end: sizeBytes / PAGE_BYTES }]);
  }
});

test('a disk without anything that is understood counts whole, with its last piece of a page', () => {
  const { pages, isUnquiet } = readDiskUse(diskOf(new Uint8Array(MIB + 512)));
  assert.deepEqual([...pages], [{ start: 0, end: 257 }]);
  assert.equal(isUnquiet, false);
});
