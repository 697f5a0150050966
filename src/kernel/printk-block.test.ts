import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { locateTextBlock } from './printk-block.ts';

const BITS = 8;

describe('locateTextBlock', () => {
  it('finds a block inside the ring', () => {
    assert.deepEqual(locateTextBlock(0x1010n, 0x1030n, BITS), { start: 0x10, sizeBytes: 0x20 });
  });

  it('finds a block that would cross the end at the beginning', () => {
    assert.deepEqual(locateTextBlock(0x10f0n, 0x1120n, BITS), { start: 0, sizeBytes: 0x20 });
  });

  it('finds a block that ends exactly at the end', () => {
    assert.deepEqual(locateTextBlock(0x10f0n, 0x1100n, BITS), { start: 0xf0, sizeBytes: 0x10 });
  });

  it('follows positions through their overflow', () => {
    const last = 0xffff_ffff_ffff_fff0n;
    assert.deepEqual(locateTextBlock(last, 0x20n, BITS), { start: 0, sizeBytes: 0x20 });
    assert.deepEqual(locateTextBlock(last, 0n, BITS), { start: 0xf0, sizeBytes: 0x10 });
  });

  it('tells an empty line from a lost text', () => {
    assert.deepEqual(locateTextBlock(3n, 3n, BITS), { start: 0, sizeBytes: 0 });
    assert.equal(locateTextBlock(1n, 1n, BITS), 'lost');
  });

  it('refuses positions that no writer makes', () => {
    for (const [begin, next] of [
      [0x10n, 0x10n],
      [0x30n, 0x10n],
      [0x10n, 0x220n],
      [0x11n, 0x20n],
      [0x10n, 0x21n],
    ]) {
      assert.equal(locateTextBlock(begin!, next!, BITS), 'damaged');
    }
  });

  it('never leaves the ring', () => {
    const position = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    const near = fc.tuple(position, fc.bigInt({ min: -64n, max: 600n }));
    fc.assert(
      fc.property(near, fc.integer({ min: 3, max: 31 }), ([begin, distance], bits) => {
        const block = locateTextBlock(begin, BigInt.asUintN(64, begin + distance), bits);
        if (typeof block === 'string') return;
        assert.ok(block.start >= 0 && block.start + block.sizeBytes <= 2 ** bits);
        assert.ok(block.sizeBytes === 0 || block.sizeBytes >= 8);
      }),
    );
  });
});
