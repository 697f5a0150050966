import { type Check, obstacle, ok } from '../check.ts';
import { readLockdown } from '../lockdown.ts';
import { readSecureBoot } from '../secure-boot-state.ts';

/** Lockdown forbids /dev/mem and kexec_load (security/security.c). */
export const lockdown: Check = {
  id: 'lockdown',
  title: 'lockdown',
  group: 'kernel',
  probe({ sys, kernelArguments }) {
    const mode = readLockdown(sys);
    const facts = { mode, argument: kernelArguments.find((word) => word.startsWith('lockdown=')) ?? null };
    if (mode === null || mode === 'none') return ok('off', facts);
    const remedy =
      facts.argument !== null
        ? `remove ${facts.argument} from the kernel arguments`
        : readSecureBoot(sys) === 'on'
          ? 'turn Secure Boot off in the firmware setup'
          : 'start without lockdown: Secure Boot off, no lockdown= argument, no CONFIG_LOCK_DOWN_KERNEL_FORCE_*';
    return obstacle(`on (${mode}): it forbids /dev/mem and kexec_load`, remedy, facts);
  },
};
