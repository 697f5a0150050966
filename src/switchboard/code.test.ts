import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { PAGE_BYTES, physAddr } from '../base/units.ts';
import { encodeStub, encodeTrampoline } from './code.ts';
import { LEAVE_MODE } from './layout.ts';
import { STUB_HEX, STUB_PATCH, TRAMPOLINE_HEX } from './trampoline.gen.ts';

const listing = readFileSync(new URL('../../asm/trampoline.lst', import.meta.url), 'utf8');

/** Address of a label of the disassembly. */
function label(name: string): number {
  const match = new RegExp(`^([0-9a-f]{16}) <${name}>:$`, 'm').exec(listing);
  assert.ok(match, `the listing has ${name}`);
  return Number.parseInt(match[1]!, 16);
}

test('encodeStub() puts base, mode and slot where the listing has its placeholders', () => {
  const stub = Buffer.from(encodeStub(physAddr(0x8_7654_3210), 'leave', 11));
  assert.equal(stub.length, PAGE_BYTES);
  const lines = ['movabs $0x1122334455667788,%rbx', 'mov    $0x11223344,%r8d', 'mov    $0x11223344,%r9d'];
  const starts = lines.map((line) => {
    const found = listing.split('\n').filter((candidate) => candidate.endsWith(`\t${line}`));
    assert.equal(found.length, 1, line);
    return Number.parseInt(found[0]!, 16);
  });
  // Each of the three is two bytes of prefix and opcode, then the immediate.
  assert.deepEqual(
    starts.map((start) => start + 2),
    [STUB_PATCH.base, STUB_PATCH.mode, STUB_PATCH.slot],
  );
  assert.equal(stub.readBigUInt64LE(STUB_PATCH.base), 0x8_7654_3210n);
  assert.equal(stub.readUInt32LE(STUB_PATCH.mode), LEAVE_MODE.leave);
  assert.equal(stub.readUInt32LE(STUB_PATCH.slot), 11);
});

test('encodeStub() changes nothing but the placeholders and fills the page with zeros', () => {
  const stub = Buffer.from(encodeStub(physAddr(0), 'park', 0));
  stub.writeBigUInt64LE(0x1122334455667788n, STUB_PATCH.base);
  stub.writeUInt32LE(0x11223344, STUB_PATCH.mode);
  stub.writeUInt32LE(0x11223344, STUB_PATCH.slot);
  const bytes = STUB_HEX.length / 2;
  assert.equal(stub.toString('hex', 0, bytes), STUB_HEX);
  assert.ok(stub.subarray(bytes).every((byte) => byte === 0));
});

test('the machine code is as long as its listing says', () => {
  assert.equal(label('stub_start'), 0);
  assert.equal(label('stub_end'), STUB_HEX.length / 2);
  // The last eight bytes are the place for the base.
  const bytes = (STUB_HEX.length + TRAMPOLINE_HEX.length) / 2;
  assert.equal(label('wake_base') + 8, bytes);
});

test('the trampoline fits its page and begins with cld', () => {
  const page = Buffer.from(encodeTrampoline());
  assert.equal(page.length, PAGE_BYTES);
  assert.equal(page[0], 0xfc);
  assert.ok(TRAMPOLINE_HEX.length / 2 < PAGE_BYTES);
  assert.equal(page.toString('hex', 0, TRAMPOLINE_HEX.length / 2), TRAMPOLINE_HEX);
});
