import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MIB } from '../base/units.ts';
import { diskOf } from './ext4/image.fixture.ts';
import { makeGpt, makeMbr } from './partition-table.fixture.ts';
import { readPartitions } from './partition-table.ts';

const PARTS = [
  { start: MIB, end: 2 * MIB },
  { start: 3 * MIB, end: 7 * MIB },
];

for (const sectorBytes of [512, 4096]) {
  test(`a GPT with sectors of ${sectorBytes} bytes`, () => {
    const disk = makeGpt(8 * MIB, PARTS.toReversed(), sectorBytes);
    assert.deepEqual(readPartitions(diskOf(disk)), PARTS);
  });
}

test('a master boot record', () => {
  assert.deepEqual(readPartitions(diskOf(makeMbr(8 * MIB, PARTS))), PARTS);
  assert.deepEqual(readPartitions(diskOf(makeMbr(8 * MIB, []))), []);
});

test('a chain of partitions is not understood', () => {
  for (const type of [0x05, 0x0f, 0x85]) {
    assert.equal(readPartitions(diskOf(makeMbr(8 * MIB, PARTS, type))), null);
  }
});

test('what overlaps, leaves the disk, or is no table gives none', () => {
  const overlapping = [PARTS[0]!, { start: MIB, end: 3 * MIB }];
  const outside = [{ start: 4 * MIB, end: 9 * MIB }];
  for (const parts of [overlapping, outside]) {
    assert.equal(readPartitions(diskOf(makeGpt(8 * MIB, parts))), null);
    assert.equal(readPartitions(diskOf(makeMbr(8 * MIB, parts))), null);
  }
  assert.equal(readPartitions(diskOf(new Uint8Array(MIB))), null);
  assert.equal(readPartitions(diskOf(new Uint8Array(100))), null);
});

test('every bit of a GPT’s header and of its entries is checked', () => {
  const base = makeGpt(8 * MIB, PARTS);
  const bit = fc.oneof(
    fc.integer({ min: 512, max: 512 + 91 }),
    fc.integer({ min: 1024, max: 1024 + 16_383 }),
  );
  fc.assert(
    fc.property(bit, fc.nat(7), (at, shift) => {
      const disk = base.slice();
      disk[at]! ^= 1 << shift;
      assert.equal(readPartitions(diskOf(disk)), null);
    }),
    { numRuns: 300 },
  );
});

test('any bytes give partitions inside the disk or none', () => {
  const base = makeMbr(8 * MIB, PARTS);
  const change = fc.array(fc.tuple(fc.integer({ min: 446, max: 509 }), fc.nat(255)), { maxLength: 12 });
  fc.assert(
    fc.property(change, (changes) => {
      const disk = base.slice(0, 8192);
      for (const [at, value] of changes) disk[at] = value;
      let end = 0;
      for (const range of readPartitions({ ...diskOf(disk), sizeBytes: 8 * MIB }) ?? []) {
        assert.ok(range.start >= end && range.end > range.start);
        end = range.end;
      }
      assert.ok(end <= 8 * MIB);
    }),
    { numRuns: 500 },
  );
});
