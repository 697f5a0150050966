import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TorporError } from '../base/errors.ts';
import { GIB, MIB } from '../base/units.ts';
import { parseSlots } from './parse-slots.ts';

test('sizes, repeated and alone', () => {
  const sizes = (text: string): number[] => parseSlots(text).map((slot) => slot.sizeBytes);
  assert.deepEqual(sizes('3x512M,1G'), [512 * MIB, 512 * MIB, 512 * MIB, GIB]);
  assert.deepEqual(sizes(' 1.5G , 2X64MiB'), [1.5 * GIB, 64 * MIB, 64 * MIB]);
});

test('refuses everything else with a code', () => {
  for (const text of [
    '',
    ',',
    '0x512M',
    'x512M',
    '16x1G',
    '8x1G,8x1G',
    '512M,',
    '3x',
    'lots',
    '2x2x1G',
    '999x1G',
  ]) {
    assert.throws(
      () => parseSlots(text),
      (error) => error instanceof TorporError && ['E_PLAN_SLOTS', 'E_SIZE'].includes(error.code),
      text,
    );
  }
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'0123456789xMG,. ') }), (text) => {
      try {
        assert.ok(parseSlots(text).length <= 15);
      } catch (error) {
        assert.ok(error instanceof TorporError, String(error));
      }
    }),
  );
});
