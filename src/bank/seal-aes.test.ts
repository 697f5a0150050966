import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test from 'node:test';
import fc from 'fast-check';
import type { SealKind } from './seal.ts';
import { createAesSeal } from './seal-aes.ts';

const KINDS: readonly SealKind[] = ['frame', 'trailer', 'description'];
const seal = createAesSeal(randomBytes(32));
const bytes = fc.uint8Array({ maxLength: 300 });
const place = fc.record({ kind: fc.constantFrom(...KINDS), position: fc.nat() });

test('opens what it sealed, at the same place only', () => {
  fc.assert(
    fc.property(bytes, place, place, (content, one, other) => {
      const salt = seal.newSalt();
      const sealed = seal.seal(one.kind, salt, one.position, content);
      assert.equal(sealed.length, content.length + seal.extraBytes);
      assert.deepEqual(new Uint8Array(seal.open(one.kind, salt, one.position, sealed)), content);
      if (one.kind === other.kind && one.position === other.position) return;
      assert.throws(() => seal.open(other.kind, salt, other.position, sealed), RangeError);
    }),
  );
});

test('what was changed, cut, of another blob or of another bank is a RangeError', () => {
  const other = createAesSeal(randomBytes(32));
  fc.assert(
    fc.property(bytes, fc.nat(), fc.integer({ min: 1, max: 255 }), (content, at, flip) => {
      const salt = seal.newSalt();
      const sealed = seal.seal('frame', salt, 7, content);
      assert.throws(() => seal.open('frame', seal.newSalt(), 7, sealed), RangeError);
      assert.throws(() => other.open('frame', salt, 7, sealed), RangeError);
      assert.throws(() => seal.open('frame', salt, 7, sealed.subarray(1)), RangeError);
      assert.throws(() => seal.open('frame', salt, 7, sealed.subarray(0, sealed.length - 1)), RangeError);
      assert.throws(() => seal.open('frame', salt, 7, sealed.subarray(0, 15)), RangeError);
      sealed[at % sealed.length]! ^= flip;
      assert.throws(() => seal.open('frame', salt, 7, sealed), RangeError);
    }),
  );
});

test('equal content looks different in each blob and each bank, digest salts too', () => {
  const content = new Uint8Array(64);
  const sealed = [0, 1, 2].map(() =>
    Buffer.from(seal.seal('frame', seal.newSalt(), 0, content)).toString('hex'),
  );
  assert.equal(new Set(sealed).size, 3);
  assert.notDeepEqual(createAesSeal(randomBytes(32)).digestSalt, seal.digestSalt);
  assert.equal(seal.digestSalt?.length, 32);
});

test('a key of another size is a defect', () => {
  assert.throws(() => createAesSeal(new Uint8Array(16)), RangeError);
});
