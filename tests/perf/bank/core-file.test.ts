import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rangeOf } from '../../../src/base/ranges.ts';
import { physAddr } from '../../../src/base/units.ts';
import { encodeCoreHeader } from './core-file.ts';

/** A /proc/kcore with the kernel's text first, as the kernel writes it. */
function kcoreWith(directMap: bigint): Buffer {
  const bytes = Buffer.alloc(4096);
  bytes.writeBigUInt64LE(64n, 32);
  const segments: [number, bigint, bigint][] = [
    [4, 0n, 0n],
    [1, 0xffff_ffff_a000_0000n, 0x3020_0000n],
    [1, 0xff00_0000_0000_0000n, -1n],
    [1, directMap + 0x3001_0000n, 0x3001_0000n],
  ];
  bytes.writeUInt16LE(segments.length, 56);
  for (const [index, [type, address, start]] of segments.entries()) {
    bytes.writeUInt32LE(type, 64 + index * 56);
    bytes.writeBigUInt64LE(address, 64 + index * 56 + 16);
    bytes.writeBigInt64LE(start, 64 + index * 56 + 24);
  }
  return bytes;
}

test('a core file has the note and every range at the address of the direct map', () => {
  const note = Buffer.alloc(64);
  note.writeUInt32LE(11, 0);
  note.writeUInt32LE(5, 4);
  const ranges = [rangeOf(physAddr(0x2_0000), 0x1_0000), rangeOf(physAddr(0x3000_0000), 0x100_0000)];
  const header = encodeCoreHeader(kcoreWith(0xff2d_72f7_0000_0000n), note, ranges);
  assert.equal(header.length, 4096);
  assert.equal(header.readUInt16LE(56), 3);
  assert.equal(header.readBigUInt64LE(64 + 32), 12n + 12n + 8n, 'the note without what is behind it');
  const load = 64 + 2 * 56;
  assert.equal(header.readBigUInt64LE(load + 8), 4096n + 0x1_0000n);
  assert.equal(header.readBigUInt64LE(load + 16), 0xff2d_72f7_3000_0000n);
  assert.equal(header.readBigUInt64LE(load + 24), 0x3000_0000n);
});

test('a kernel that does not show its RAM is an error', () => {
  assert.throws(() => encodeCoreHeader(Buffer.alloc(4096), Buffer.alloc(64), []), RangeError);
});
