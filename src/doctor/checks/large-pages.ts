import { type Check, obstacle, ok } from '../check.ts';

export const largePages: Check = {
  id: 'large-pages',
  title: '1 GiB pages',
  group: 'machine',
  probe({ cpuFlags }) {
    const facts = { pdpe1gb: cpuFlags.has('pdpe1gb') };
    if (facts.pdpe1gb) return ok('yes', facts);
    const remedy = cpuFlags.has('hypervisor')
      ? 'give the virtual machine a processor with the flag pdpe1gb (QEMU: -cpu host or -cpu max)'
      : undefined;
    return obstacle("the processor has none; the switchboard's page tables are made of them", remedy, facts);
  },
};
