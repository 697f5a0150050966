import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { contains, formatRange, overlaps, type PhysRange, rangeOf, sizeOf, subtract } from './ranges.ts';
import { MIB, PHYS_ADDR_LIMIT } from './units.ts';

/** Ranges inside [0, 64), small enough to compare with a set of every address. */
const ranges = fc
  .tuple(fc.nat({ max: 62 }), fc.integer({ min: 1, max: 20 }))
  .map(([start, sizeBytes]) => rangeOf(start, Math.min(sizeBytes, 64 - start)));

function addressesOf(range: PhysRange): Set<number> {
  return new Set(Array.from({ length: sizeOf(range) }, (_, index) => range.start + index));
}

test('rangeOf() is half-open and takes bigints', () => {
  assert.deepEqual(rangeOf(0x1000n, 0x2000), { start: 0x1000, end: 0x3000 });
  assert.equal(sizeOf(rangeOf(0x1000, 0x2000)), 0x2000);
  assert.equal(rangeOf(PHYS_ADDR_LIMIT - 1, 1).end, PHYS_ADDR_LIMIT);
});

test('rangeOf() refuses empty ranges and those that leave 52 bits', () => {
  assert.throws(() => rangeOf(0x1000, 0), RangeError);
  assert.throws(() => rangeOf(0x1000, -1), RangeError);
  assert.throws(() => rangeOf(PHYS_ADDR_LIMIT, 1), RangeError);
  assert.throws(() => rangeOf(-1, 2), RangeError);
});

test('ranges that touch do not overlap', () => {
  const [first, second] = [rangeOf(0, 16), rangeOf(16, 16)];
  assert.equal(overlaps(first, second), false);
  assert.equal(overlaps(first, rangeOf(15, 1)), true);
});

test('overlaps() and contains() agree with sets of addresses', () => {
  fc.assert(
    fc.property(ranges, ranges, (a, b) => {
      assert.equal(overlaps(a, b), !addressesOf(a).isDisjointFrom(addressesOf(b)));
      assert.equal(overlaps(a, b), overlaps(b, a));
      assert.equal(contains(a, b), addressesOf(b).isSubsetOf(addressesOf(a)));
    }),
  );
});

test('subtract() leaves what is in no hole, ascending and without touching pieces', () => {
  const rest = subtract(rangeOf(0, 100), [rangeOf(50, 10), rangeOf(0, 10), rangeOf(55, 20)]);
  assert.deepEqual(rest, [rangeOf(10, 40), rangeOf(75, 25)]);
  fc.assert(
    fc.property(ranges, fc.array(ranges, { maxLength: 6 }), (range, holes) => {
      const pieces = subtract(range, holes);
      const left = new Set(pieces.flatMap((piece) => [...addressesOf(piece)]));
      const expected = holes.reduce((rest, hole) => rest.difference(addressesOf(hole)), addressesOf(range));
      assert.deepEqual([...left], [...expected]);
      for (const [index, piece] of pieces.entries()) {
        assert.ok(sizeOf(piece) > 0);
        assert.ok(index === 0 || pieces[index - 1]!.end < piece.start);
      }
    }),
  );
});

test('formatRange() shows bounds and size', () => {
  assert.equal(formatRange(rangeOf(0x2000_0000, 256 * MIB)), '[0x20000000, 0x30000000) 256 MiB');
});
