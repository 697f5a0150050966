import { type Check, obstacle, ok } from '../check.ts';
import { kernelArgument } from '../context.ts';

/** TDX and SEV guests, and memory encrypted by the processor (SME). */
export const confidentialMemory: Check = {
  id: 'confidential-memory',
  title: 'memory encryption',
  group: 'machine',
  probe(context) {
    const { sys, cpuFlags } = context;
    const devices = sys.listDirectory('/dev');
    const guest =
      cpuFlags.has('tdx_guest') || devices.includes('tdx_guest')
        ? 'TDX'
        : devices.includes('sev-guest')
          ? 'SEV-SNP'
          : null;
    // arch/x86/mm/mem_encrypt.c, print_mem_encrypt_feature_info().
    const line =
      sys.readKernelLog().find((text) => text.includes('Memory Encryption Features active:')) ?? '';
    const active = /features active:\s*(?:AMD |Intel )?(.*)$/i.exec(line)?.[1]?.trim() ?? null;
    const facts = { guest, active, mem_encrypt: kernelArgument(context, 'mem_encrypt') };
    if (guest !== null || (active !== null && active !== 'SME')) {
      return obstacle(
        `this is a ${guest ?? active} guest: its kernels cannot share memory`,
        undefined,
        facts,
      );
    }
    if (active === 'SME' || facts.mem_encrypt === 'on') {
      return obstacle(
        'SME is on: each kernel would encrypt with its own bit',
        'kernel argument mem_encrypt=off',
        facts,
      );
    }
    return ok('none', facts);
  },
};
