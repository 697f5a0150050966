import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkJumpPathSound } from './jump-path.ts';

const code = (...parts: string[]): Buffer => Buffer.from(parts.join('').replaceAll(' ', ''), 'hex');

// objdump of virtual_mapped in a 6.12.117 kernel with KEXEC_JUMP.
const LEAVE = '49 8b 80 10 08 00 00 4d 8b 80 08 08 00 00 0f 22 d8 41 0f 22 c0';
const LGDT = '48 c7 c0 c0 7e 12 82 0f 01 90 0a 01 00 00';
const RETURN = '48 89 e8 9d 41 5f 41 5e 41 5d 41 5c 5d 5b c3 cc';

test('a return path that loads the GDT is sound', () => {
  assert.deepEqual(checkJumpPathSound(code('90 90', LEAVE, LGDT, RETURN)), { verdict: 'sound', offset: 16 });
  const ripRelative = '0f 01 15 11 22 33 44';
  assert.equal(checkJumpPathSound(code(LEAVE, ripRelative, RETURN)).verdict, 'sound');
});

test('a return path without it is unsound (6.1.192)', () => {
  assert.equal(checkJumpPathSound(code(LEAVE, RETURN)).verdict, 'unsound');
});

test('lidt and a register operand are no lgdt', () => {
  assert.equal(checkJumpPathSound(code(LEAVE, '0f 01 58 10', RETURN)).verdict, 'unsound');
  assert.equal(checkJumpPathSound(code(LEAVE, '0f 01 d0', RETURN)).verdict, 'unsound');
});

test('the control registers alone are no return path', () => {
  const elsewhere = code('0f 22 d8 41 0f 22 c0', '90'.repeat(60));
  assert.equal(checkJumpPathSound(elsewhere).verdict, 'absent');
  assert.equal(checkJumpPathSound(Buffer.concat([elsewhere, code(LEAVE, LGDT, RETURN)])).verdict, 'sound');
});

test('any bytes get an answer', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.ok(['sound', 'unsound', 'absent'].includes(checkJumpPathSound(bytes).verdict));
      const cut = code(LEAVE, LGDT, RETURN).subarray(0, bytes.length);
      checkJumpPathSound(cut);
    }),
  );
});
