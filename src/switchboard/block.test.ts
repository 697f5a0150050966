import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { failure } from '../base/errors.fixture.ts';
import { TorporError } from '../base/errors.ts';
import { readBlock, writeBlock } from './block.ts';

const SIZE = 256;

/** A block with this content and the right checksum. */
function blockOf(content: string): Uint8Array {
  const area = Buffer.alloc(SIZE);
  area.writeUInt32LE(Buffer.byteLength(content), 0);
  area.writeUInt32LE(crc32(content), 4);
  area.write(content, 8);
  return area;
}

test('a block gives back what was written; null empties it', () => {
  const area = new Uint8Array(SIZE);
  assert.equal(readBlock(area, 'x'), null);
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 1 }), (value) => {
      const fits = Buffer.byteLength(JSON.stringify(value)) <= SIZE - 8;
      if (!fits) return void failure('E_SWITCHBOARD_VALUE', () => writeBlock(area, value));
      writeBlock(area, value);
      if (value !== null) assert.deepEqual(readBlock(area, 'x'), JSON.parse(JSON.stringify(value)));
    }),
  );
  writeBlock(area, null);
  assert.equal(readBlock(area, 'x'), null);
});

test('writeBlock() writes nothing when the value does not fit', () => {
  const area = new Uint8Array(SIZE);
  writeBlock(area, { a: 1 });
  const { facts } = failure('E_MAILBOX', () => writeBlock(area, 'x'.repeat(SIZE), 'E_MAILBOX'));
  assert.deepEqual(facts, { bytes: SIZE + 2, room: SIZE - 8 });
  assert.deepEqual(readBlock(area, 'x'), { a: 1 });
  writeBlock(area, 'x'.repeat(SIZE - 10));
  assert.equal(readBlock(area, 'x'), 'x'.repeat(SIZE - 10));
});

const damages: [string, (area: Uint8Array) => void, RegExp][] = [
  ['a length that leaves the block', (area) => area.set([0xf9, 0], 0), /a length of 249 bytes/],
  ['an absurd length', (area) => area.set([0xff, 0xff, 0xff, 0xff], 0), /a length of 4294967295 bytes/],
  ['a flipped byte', (area) => area.set([0x20], 9), /checksum/],
  ['a wrong checksum', (area) => area.set([0], 4), /checksum/],
  ['content that is not JSON', (area) => area.set(blockOf('{'), 0), /not JSON/],
];
for (const [what, damage, message] of damages) {
  test(`readBlock() refuses ${what} with the caller's code`, () => {
    const area = blockOf('{"a":1}');
    damage(area);
    const error = failure('E_MAILBOX', () => readBlock(area, 'mailbox of slot 3', 'E_MAILBOX'));
    assert.match(error.message, message);
    assert.match(error.message, /mailbox of slot 3/);
  });
}

test('readBlock() answers any bytes with a value or a TorporError', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: SIZE, maxLength: SIZE }),
    fc.string({ maxLength: 60 }).map(blockOf),
  );
  fc.assert(
    fc.property(bytes, (area) => {
      try {
        readBlock(area, 'x');
      } catch (error) {
        assert.ok(error instanceof TorporError, String(error));
      }
    }),
  );
});
