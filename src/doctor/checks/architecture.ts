import { type Check, obstacle, ok } from '../check.ts';

/** Only x86-64 has KEXEC_JUMP and the switchboard's code (arch/x86/Kconfig; research in docs). */
export const architecture: Check = {
  id: 'architecture',
  title: 'architecture',
  group: 'machine',
  essential: true,
  probe({ cpuFlags }) {
    // `lm` is long mode; other architectures have no such line in /proc/cpuinfo.
    if (cpuFlags.has('lm')) return ok('x86-64', { x86_64: true });
    return obstacle('not an x86-64 processor; no other architecture can come back from a jump', undefined, {
      x86_64: false,
    });
  },
};
