import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PAGE_BYTES, type PhysAddr } from '../base/units.ts';
import { readerOf } from './kernel-log.fixture.ts';
import { KernelAddressSpace } from './virtual-memory.ts';
import type { Vmcoreinfo } from './vmcoreinfo.ts';

const PRESENT = 1n;
const LARGE = 1n << 7n;
const NO_EXECUTE = 1n << 63n;
const ROOT = 0x10_0000;

/** A note that puts the root of the page tables at ROOT. */
function infoOf(la57: boolean, extra: Partial<Vmcoreinfo> = {}): Vmcoreinfo {
  const base = {
    la57,
    physBase: 0x1000n,
    has: () => false,
    symbol: () => 0xffff_ffff_8000_0000n + 0xf_f000n,
  };
  return { ...base, ...extra } as unknown as Vmcoreinfo;
}

class Memory {
  readonly pages = new Map<number, Uint8Array>();
  reads = 0;

  page(address: number): DataView {
    const bytes = this.pages.get(address) ?? new Uint8Array(PAGE_BYTES);
    this.pages.set(address, bytes);
    return new DataView(bytes.buffer);
  }
  /** Maps the way down to `leaf`, one table for each index; the last index gets the leaf. */
  map(indices: readonly number[], leaf: bigint): void {
    let table = ROOT;
    for (const [depth, index] of indices.entries()) {
      const isLast = depth === indices.length - 1;
      const next =
        ROOT + PAGE_BYTES * (indices.slice(0, depth + 1).reduce((sum, i) => sum * 7 + i + 1, 0) + 1);
      const entry = isLast ? leaf : BigInt(next) | PRESENT;
      this.page(table).setBigUint64(8 * index, entry, true);
      table = next;
    }
  }
  space(la57: boolean, extra: Partial<Vmcoreinfo> = {}): KernelAddressSpace {
    const reader = readerOf(this.pages);
    const read = (address: PhysAddr, sizeBytes: number): Uint8Array => {
      this.reads += 1;
      return reader.read(address, sizeBytes);
    };
    return new KernelAddressSpace({ read }, infoOf(la57, extra));
  }
}

/** The address with these table indices, highest level first, sign-extended. */
function addressOf(indices: readonly number[], offset: bigint): bigint {
  const shift = BigInt(12 + 9 * (indices.length - 1));
  const upper = indices.reduce((sum, index, i) => sum | (BigInt(index) << (shift - BigInt(9 * i))), 0n);
  return BigInt.asUintN(64, BigInt.asIntN(Number(shift) + 9, upper | offset));
}

describe('KernelAddressSpace', () => {
  for (const la57 of [false, true]) {
    const top = la57 ? [511, 5] : [273];

    it(`translates pages of every size with ${la57 ? 5 : 4} levels`, () => {
      const memory = new Memory();
      memory.map([...top, 1, 2, 3], 0x7000n | PRESENT | NO_EXECUTE);
      memory.map([...top, 1, 4], 0x4020_0000n | PRESENT | LARGE | (1n << 12n));
      memory.map([...top, 6], 0x1_8000_0000n | PRESENT | LARGE);
      const space = memory.space(la57);
      assert.equal(space.translate(addressOf([...top, 1, 2, 3], 0x123n)), 0x7123);
      assert.equal(space.translate(addressOf([...top, 1, 4, 9], 0x123n)), 0x4020_0000 + 0x9123);
      assert.equal(space.translate(addressOf([...top, 6, 3, 9], 0x123n)), 0x1_8000_0000 + 0x60_9123);
      assert.equal(space.translate(addressOf([...top, 1, 2, 4], 0n)), null);
      assert.equal(space.translate(addressOf([...top, 2, 0, 0], 0n)), null);
    });
  }

  it('has no address that is not canonical', () => {
    const memory = new Memory();
    memory.map([256, 1, 2, 3], 0x7000n | PRESENT);
    const space = memory.space(false);
    const address = addressOf([256, 1, 2, 3], 0n);
    assert.equal(space.translate(address), 0x7000);
    assert.equal(space.translate(BigInt.asUintN(48, address)), null);
  });

  it('takes nothing from a large page above 1 GiB or a table outside the slot', () => {
    const memory = new Memory();
    memory.map([300], 0x8000_0000n | PRESENT | LARGE);
    memory.map([301], 0xf_0000_0000n | PRESENT);
    const space = memory.space(false);
    assert.equal(space.translate(addressOf([300, 0, 0, 0], 0n)), null);
    assert.equal(space.translate(addressOf([301, 0, 0, 0], 0n)), null);
  });

  it('removes the encryption bit', () => {
    const memory = new Memory();
    memory.map([273, 0, 0, 1], 0x7000n | PRESENT | (1n << 47n));
    const sme: Partial<Vmcoreinfo> = { has: () => true, number: () => 1n << 47n };
    assert.equal(memory.space(false, sme).translate(addressOf([273, 0, 0, 1], 0n)), 0x7000);
  });

  it('reads across pages, neighbours in one go, and nothing when a page is missing', () => {
    const memory = new Memory();
    for (const [index, frame] of [0x7000, 0x8000, 0x3000].entries()) {
      memory.map([273, 0, 0, index], BigInt(frame) | PRESENT);
      memory.page(frame).setUint8(0, index + 1);
      memory.page(frame).setUint8(PAGE_BYTES - 1, index + 10);
    }
    const space = memory.space(false);
    const start = addressOf([273, 0, 0, 0], 0n);
    for (let page = 0n; page < 3n; page += 1n) space.translate(start + page * 4096n);
    memory.reads = 0;
    const bytes = space.readVirtual(start + 4095n, PAGE_BYTES + 2)!;
    assert.deepEqual([bytes[0], bytes[1], bytes[PAGE_BYTES], bytes[PAGE_BYTES + 1]], [10, 2, 11, 3]);
    assert.equal(memory.reads, 2);
    assert.equal(space.readVirtual(start, 3 * PAGE_BYTES + 1), null);
  });

  it('refuses a note without a possible root', () => {
    assert.throws(() => new Memory().space(false, { physBase: -(1n << 40n) }), { code: 'E_VMCOREINFO' });
    assert.throws(() => new Memory().space(false, { physBase: 0x1001n }), { code: 'E_VMCOREINFO' });
  });
});
