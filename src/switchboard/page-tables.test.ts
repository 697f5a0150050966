import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GIB, PAGE_BYTES, physAddr } from '../base/units.ts';
import { OFFSET } from './layout.ts';
import { encodePageTables, MAPPED_LIMIT_BYTES } from './page-tables.ts';

const BASE = physAddr(0x1ff0_0000);
const tables = Buffer.from(encodePageTables(BASE));

/** Walks the tables as the processor does. Null when an entry is not present. */
function translate(address: number, levels: 4 | 5): number | null {
  let table = BASE + (levels === 5 ? OFFSET.pml5 : OFFSET.pml4);
  for (let shift = 12 + 9 * (levels - 1); ; shift -= 9) {
    const index = Number((BigInt(address) >> BigInt(shift)) & 0x1ffn);
    const entry = tables.readBigUInt64LE(table - BASE - OFFSET.pml5 + index * 8);
    if ((entry & 1n) === 0n) return null;
    assert.equal(entry & 2n, 2n, 'writable');
    assert.equal(entry & (1n << 63n), 0n, 'executable');
    const target = Number(entry & 0xf_ffff_ffff_f000n);
    if ((entry & 0x80n) !== 0n) {
      assert.equal(shift, 30, 'only leaves of 1 GiB');
      return target + (address % GIB);
    }
    table = target;
  }
}

test('the tables map every address below their limit to itself, with 4 and with 5 levels', () => {
  assert.equal(tables.length, 3 * PAGE_BYTES);
  const edges = [0, BASE, MAPPED_LIMIT_BYTES - 1];
  for (const address of edges)
    assert.deepEqual([translate(address, 4), translate(address, 5)], [address, address]);
  fc.assert(
    fc.property(fc.nat(MAPPED_LIMIT_BYTES - 1), (address) => {
      assert.deepEqual([translate(address, 4), translate(address, 5)], [address, address]);
    }),
  );
});

test('the tables map nothing from their limit on', () => {
  for (const address of [MAPPED_LIMIT_BYTES, 2 ** 47 - 1]) {
    assert.deepEqual([translate(address, 4), translate(address, 5)], [null, null]);
  }
  assert.equal(translate(2 ** 48, 5), null);
});
