import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { bytes, defineStruct, text, u8, u16, u32, u64 } from './struct.ts';

const SAMPLE = defineStruct('sample', 32, {
  kind: u8(0),
  count: u16(2),
  crc: u32(4),
  address: u64(8),
  name: text(20, 8),
});

const names = fc
  .string({ unit: 'binary', maxLength: 8 })
  .filter((name) => !name.includes('\0') && Buffer.byteLength(name) <= 8);
const values = fc.record(
  {
    kind: fc.nat({ max: 0xff }),
    count: fc.nat({ max: 0xffff }),
    crc: fc.nat({ max: 0xffff_ffff }),
    address: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    name: names,
  },
  { noNullPrototype: true },
);

test('writes little-endian at the offsets of the table', () => {
  const bytes = new Uint8Array(32);
  SAMPLE.encodeInto(bytes, { kind: 1, count: 0x0203, crc: 0x0405_0607, address: 0x08n, name: 'ab' });
  assert.equal(
    Buffer.from(bytes).toString('hex'),
    ['01', '00', '0302', '07060504', '0800000000000000', '00000000', '6162000000000000', '00000000'].join(''),
  );
});

test('decodes what it encoded, at any offset', () => {
  fc.assert(
    fc.property(values, fc.nat({ max: 16 }), (wanted, offset) => {
      const bytes = new Uint8Array(48).fill(0xee);
      SAMPLE.encodeInto(bytes, wanted, offset);
      assert.deepEqual(SAMPLE.decode(bytes, offset), wanted);
    }),
  );
});

test('decodes any bytes of the right size', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      const decoded = SAMPLE.decode(bytes);
      assert.ok(decoded.crc <= 0xffff_ffff && decoded.address < 2n ** 64n);
    }),
  );
});

test('leaves all bytes as they are that were not given', () => {
  const bytes = new Uint8Array(32).fill(0xee);
  SAMPLE.encodeInto(bytes, { crc: 0, kind: undefined } as { crc: number });
  const expected = new Uint8Array(32).fill(0xee).fill(0, 4, 8);
  assert.deepEqual(bytes, expected);
});

test('respects where a view begins in its buffer', () => {
  const whole = new Uint8Array(64);
  SAMPLE.encodeInto(whole.subarray(16), { kind: 7 }, 8);
  assert.equal(whole[24], 7);
  assert.equal(SAMPLE.decode(whole.subarray(24)).kind, 7);
});

test('a text fills its field, or a shorter one replaces it wholly; a longer one is refused', () => {
  const bytes = new Uint8Array(32);
  SAMPLE.encodeInto(bytes, { name: '12345678' });
  assert.equal(SAMPLE.decode(bytes).name, '12345678');
  SAMPLE.encodeInto(bytes, { name: 'x' });
  assert.equal(SAMPLE.decode(bytes).name, 'x');
  assert.throws(() => SAMPLE.encodeInto(bytes, { name: 'äöüäö' }), RangeError);
  assert.equal(SAMPLE.decode(bytes).name, 'x');
});

test('bytes are copied out and in; another length is refused', () => {
  const RAW = defineStruct('raw', 8, { id: bytes(2, 4) });
  const area = new Uint8Array(8);
  RAW.encodeInto(area, { id: Uint8Array.of(1, 2, 3, 4) });
  assert.deepEqual([...area], [0, 0, 1, 2, 3, 4, 0, 0]);
  const { id } = RAW.decode(area);
  area.fill(9);
  assert.deepEqual([...id], [1, 2, 3, 4]);
  assert.throws(() => RAW.encodeInto(area, { id: Uint8Array.of(1) }), RangeError);
});

test('refuses bytes that do not hold the structure', () => {
  assert.throws(() => SAMPLE.decode(new Uint8Array(31)), RangeError);
  assert.throws(() => SAMPLE.decode(new Uint8Array(32), 1), RangeError);
  assert.throws(() => SAMPLE.decode(new Uint8Array(32), -1), RangeError);
  assert.throws(() => SAMPLE.encodeInto(new Uint8Array(31), { kind: 1 }), RangeError);
});

test('a wrong table is a defect and throws when it is defined', () => {
  assert.throws(() => defineStruct('bad', 8, { a: u32(0), b: u16(2) }), /bad\.b overlaps/);
  assert.throws(() => defineStruct('bad', 8, { a: u64(4) }), /behind its 8 bytes/);
  assert.throws(() => SAMPLE.encodeInto(new Uint8Array(32), { nothing: 1 } as object), /no field nothing/);
});
