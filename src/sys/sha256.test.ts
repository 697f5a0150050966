import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { sha256 } from './sha256.ts';

test('the digest is the one of node:crypto, wherever the bytes begin', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 9000 }), fc.nat(100), (bytes, skip) => {
      const piece = bytes.subarray(Math.min(skip, bytes.length));
      assert.deepEqual(sha256(piece), createHash('sha256').update(piece).digest());
    }),
  );
});

test('each digest is a buffer of its own', () => {
  const [one, other] = [sha256(Buffer.from('1')), sha256(Buffer.from('2'))];
  assert.notDeepEqual(one, other);
  assert.equal(one.toString('hex'), createHash('sha256').update('1').digest('hex'));
});
