import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { expandLz4 } from './lz4.ts';

const LIMIT = 64 * 1024 * 1024;

function frame(...blocks: Uint8Array[]): Buffer {
  const sized = blocks.flatMap((block) => {
    const size = Buffer.alloc(4);
    size.writeUInt32LE(block.length);
    return [size, Buffer.from(block)];
  });
  return Buffer.concat([Buffer.from('02214c18', 'hex'), ...sized]);
}

test('expandLz4() expands literals and overlapping matches over several blocks', () => {
  // "ab", then 4 + 6 bytes from 2 back, then "!" as the last literals
  const block = Uint8Array.of(0x26, 0x61, 0x62, 2, 0, 0x10, 0x21);
  assert.equal(expandLz4(frame(block, block), LIMIT).toString(), 'abababababab!abababababab!');
});

test('expandLz4() refuses other magics, early ends, bad distances and too much output', () => {
  assert.throws(() => expandLz4(Buffer.alloc(16), LIMIT), RangeError);
  assert.throws(() => expandLz4(frame(Uint8Array.of(0xf0, 255)), LIMIT), RangeError);
  assert.throws(() => expandLz4(frame(Uint8Array.of(0x10, 0x61, 9, 0)), LIMIT), RangeError);
  assert.throws(() => expandLz4(frame(Uint8Array.of(0x20, 0x61, 0x62)), 1), RangeError);
});

test('expandLz4() gives bytes or a RangeError for anything', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        expandLz4(frame(bytes), LIMIT);
      } catch (error) {
        assert.ok(error instanceof RangeError);
      }
    }),
    { numRuns: 50 },
  );
});
