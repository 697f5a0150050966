import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  alignDown,
  alignUp,
  formatSize,
  GIB,
  hex,
  KIB,
  kernelSize,
  MIB,
  PAGE_BYTES,
  PHYS_ADDR_LIMIT,
  parseSize,
  physAddr,
} from './units.ts';

const sizes = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const addresses = fc.integer({ min: 0, max: PHYS_ADDR_LIMIT });

test('parseSize() reads binary units in every spelling', () => {
  const expected: [string, number][] = [
    ['0', 0],
    ['4096', 4096],
    ['4100B', 4100],
    ['64K', 64 * KIB],
    ['512M', 512 * MIB],
    ['512m', 512 * MIB],
    ['512MiB', 512 * MIB],
    ['512MB', 512 * MIB],
    [' 4 G ', 4 * GIB],
    ['1.5G', 1536 * MIB],
    ['0.5K', 512],
    ['2T', 2048 * GIB],
  ];
  for (const [text, bytes] of expected) assert.equal(parseSize(text), bytes, text);
});

test('parseSize() refuses all else with E_SIZE, the text and a hint', () => {
  for (const text of [
    '',
    'M',
    '-1M',
    '+1M',
    '1..5G',
    '1.G',
    '.5G',
    '1e3',
    '0x10',
    '4GG',
    '4 G B',
    '4P',
    '1.3',
    '0.1K',
    '٣M',
    '9999999T',
  ]) {
    assert.throws(() => parseSize(text), { code: 'E_SIZE', facts: { text }, hint: /512M/ }, text);
  }
});

test('parseSize() answers any text with a safe integer or E_SIZE', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9.]{0,20} ?[KMGTiB]{0,3}$/)), (text) => {
      try {
        const bytes = parseSize(text);
        return Number.isSafeInteger(bytes) && bytes >= 0;
      } catch (error) {
        return (error as { code?: string }).code === 'E_SIZE';
      }
    }),
  );
});

test('kernelSize() is exact: parseSize() gives the bytes back', () => {
  assert.equal(kernelSize(512 * MIB), '512M');
  assert.equal(kernelSize(1536 * MIB), '1536M');
  assert.equal(kernelSize(64 * KIB), '64K');
  assert.equal(kernelSize(4100), '4100');
  assert.equal(kernelSize(0), '0');
  fc.assert(fc.property(sizes, (bytes) => parseSize(kernelSize(bytes)) === bytes));
  fc.assert(fc.property(fc.nat(4096), (count) => parseSize(kernelSize(count * MIB)) === count * MIB));
});

test('formatSize() has at most one decimal', () => {
  assert.equal(formatSize(0), '0 B');
  assert.equal(formatSize(1023), '1023 B');
  assert.equal(formatSize(512 * MIB), '512 MiB');
  assert.equal(formatSize(1536 * MIB), '1.5 GiB');
  assert.equal(formatSize(4096 * GIB), '4 TiB');
  fc.assert(fc.property(sizes, (bytes) => /^\d+(\.\d)? ([KMGT]i)?B$/.test(formatSize(bytes))));
});

test('formatSize() is within half a tenth of its unit', () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 50 }), (bytes) => {
      const shown = formatSize(bytes);
      const unit = parseSize(shown.replace(/^\S+ /, '1'));
      return Math.abs(Number.parseFloat(shown) * unit - bytes) <= 0.0501 * unit;
    }),
  );
});

test('physAddr() takes whole numbers of at most 52 bits', () => {
  assert.equal(physAddr(0x1ff0_0000n), 0x1ff0_0000);
  assert.equal(physAddr(PHYS_ADDR_LIMIT), PHYS_ADDR_LIMIT);
  for (const value of [
    -1,
    0.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    PHYS_ADDR_LIMIT + 1,
    -1n,
    2n ** 64n - 1n,
  ]) {
    assert.throws(() => physAddr(value), RangeError, String(value));
  }
});

test('hex() writes numbers and bigints alike', () => {
  assert.equal(hex(0x1ff0_0000), '0x1ff00000');
  assert.equal(hex(0xffff_ffff_8000_0000n), '0xffffffff80000000');
});

test('alignUp() and alignDown() enclose an address by less than the alignment', () => {
  assert.equal(alignUp(PAGE_BYTES, PAGE_BYTES), PAGE_BYTES);
  assert.equal(alignUp(PAGE_BYTES + 1, PAGE_BYTES), 2 * PAGE_BYTES);
  assert.equal(alignDown(PAGE_BYTES - 1, PAGE_BYTES), 0);
  fc.assert(
    fc.property(addresses, fc.constantFrom(1, PAGE_BYTES, 2 * MIB, GIB), (address, alignment) => {
      const [low, high] = [alignDown(address, alignment), alignUp(address, alignment)];
      assert.ok(low <= address && address <= high && high - low <= alignment);
      assert.ok(low % alignment === 0 && high % alignment === 0);
    }),
  );
});
