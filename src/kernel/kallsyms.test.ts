import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { TorporError } from '../base/errors.ts';
import { KIB, PAGE_BYTES } from '../base/units.ts';
import { FakeKernel } from './fake-kernel.fixture.ts';
import { type Addressing, writeKallsyms } from './kallsyms.fixture.ts';
import { findKernelSymbols } from './kallsyms.ts';
import { KernelAddressSpace } from './virtual-memory.ts';

const SYMBOLS = [
  ['init_task', 0xffff_ffff_81c0_a540n],
  [`long_${'x'.repeat(300)}`, 0xffff_ffff_81c0_b000n],
  ['twice', 0xffff_ffff_81c0_c000n],
  ['twice', 0xffff_ffff_81c0_d000n],
  ['tcp_hashinfo', 0xffff_ffff_81ee_9640n],
] as const;

function kernelOf(addressing: Addressing = 'relative'): FakeKernel {
  const kernel = new FakeKernel(0x1000_0000, 256 * KIB, 0);
  writeKallsyms(kernel, SYMBOLS, addressing);
  return kernel;
}

function find(kernel: FakeKernel, ...names: string[]): Map<string, bigint> {
  const { vmcoreinfo, reader } = kernel;
  const found = findKernelSymbols(new KernelAddressSpace(reader, vmcoreinfo), vmcoreinfo, names);
  found.delete('_stext');
  return found;
}

describe('findKernelSymbols', () => {
  for (const addressing of ['absolute-percpu', 'relative', 'pc-relative'] as const) {
    it(`finds symbols with ${addressing} offsets`, () => {
      const found = find(kernelOf(addressing), 'init_task', SYMBOLS[1][0], 'tcp_hashinfo', 'absent');
      assert.deepEqual([...found].toSorted(), [SYMBOLS[0], SYMBOLS[1], SYMBOLS[4]].toSorted());
    });
  }

  it('does not choose between two of one name', () => {
    assert.deepEqual(find(kernelOf(), 'twice').size, 0);
  });

  it('says that there is no table', () => {
    const kernel = kernelOf();
    kernel.note.delete('SYMBOL(kallsyms_names)');
    assert.throws(() => find(kernel, 'init_task'), { code: 'E_KERNEL_DATA', message: /CONFIG_KALLSYMS/ });
  });

  it('does not believe addresses that put _stext elsewhere', () => {
    const kernel = kernelOf();
    kernel.note.set('SYMBOL(_stext)', 'ffffffff81000010');
    assert.throws(() => find(kernel, 'init_task'), { code: 'E_KERNEL_DATA', message: /unknown form/ });
  });

  it('is bounded, and answers or refuses, whatever was damaged', () => {
    const words = fc.array(fc.tuple(fc.nat(64 * PAGE_BYTES - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 60,
    });
    const keys = ['names', 'num_syms', 'token_table', 'token_index', 'offsets', 'relative_base'];
    const moved = fc.dictionary(fc.constantFrom(...keys), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), {
      maxKeys: 1,
    });
    fc.assert(
      fc.property(words, moved, fc.nat(200), (bytes, places, count) => {
        const kernel = kernelOf('pc-relative');
        const names = BigInt(`0x${kernel.note.get('SYMBOL(kallsyms_num_syms)')}`);
        kernel.writeU32(names, count);
        // What the tables are in: the pages behind those of the page tables.
        for (const [at, value] of bytes) kernel.memory[(at * 7) % kernel.memory.length] = value;
        for (const [key, value] of Object.entries(places))
          kernel.note.set(`SYMBOL(kallsyms_${key})`, value.toString(16));
        try {
          for (const address of find(kernel, 'init_task').values()) assert.equal(typeof address, 'bigint');
        } catch (error) {
          assert.ok(
            error instanceof TorporError && /^E_(KERNEL_DATA|VMCOREINFO)$/.test(error.code),
            String(error),
          );
        }
      }),
      { numRuns: 300 },
    );
  });
});
