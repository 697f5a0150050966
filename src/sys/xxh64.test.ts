import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import xxhash from 'xxhash-wasm';
import { startXxh64, xxh64 } from './xxh64.ts';

const { h64Raw } = await xxhash();

test('of no bytes it is what the specification says', () => {
  assert.equal(xxh64(new Uint8Array()), 0xef46_db37_51d8_e999n);
});

test('Node’s own XXH64 is that of another implementation, whole and in pieces, wherever the bytes begin', () => {
  const seed = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 5000 })), fc.nat(9), seed, (pieces, skip, from) => {
      const whole = Buffer.concat(pieces);
      const bytes = whole.subarray(Math.min(skip, whole.length));
      assert.equal(xxh64(bytes, from), h64Raw(bytes, from));
      const hash = startXxh64();
      for (const piece of pieces) hash.update(piece);
      assert.equal(hash.digest(), h64Raw(whole));
    }),
  );
});

test('two that are under way do not know each other', () => {
  const [one, other] = [startXxh64(), startXxh64()];
  one.update(Buffer.from('ab'));
  other.update(Buffer.from('x'));
  one.update(Buffer.from('c'));
  assert.equal(one.digest(), xxh64(Buffer.from('abc')));
  assert.equal(other.digest(), xxh64(Buffer.from('x')));
});
