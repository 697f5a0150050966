import { type Check, ok } from '../check.ts';

/** All kernels of a machine must use the same number of page table levels. */
export const pagingMode: Check = {
  id: 'paging-mode',
  title: 'paging',
  group: 'machine',
  probe({ cpuFlags, kernelArguments }) {
    // The kernel clears la57 when it does not use it (arch/x86/kernel/cpu/common.c, 6.12).
    const fiveLevel = cpuFlags.has('la57') && !kernelArguments.includes('no5lvl');
    const facts = { levels: fiveLevel ? 5 : 4 };
    if (!fiveLevel) return ok('4 levels', facts);
    return ok(
      '5 levels; a guest kernel without CONFIG_X86_5LEVEL cannot join (then give no5lvl to this kernel)',
      facts,
    );
  },
};
