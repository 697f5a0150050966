import { type Check, type Finding, obstacle, ok, unknown } from '../check.ts';
import type { Context } from '../context.ts';
import { readIfAllowed } from '../if-allowed.ts';
import { isLockedDown } from '../lockdown.ts';

const OTHER_KERNEL =
  'boot a kernel with CONFIG_KEXEC_JUMP=y (stock in Ubuntu, Fedora, Arch, RHEL 8 and 9, NixOS, Proxmox; not in Debian, openSUSE, Alpine)';

/** CONFIG_KEXEC_JUMP, asked of the kernel itself where that changes nothing, else of its configuration. */
export const kexecJump: Check = {
  id: 'kexec-jump',
  title: 'KEXEC_JUMP',
  group: 'kernel',
  essential: true,
  probe(context) {
    return probeKernel(context) ?? readConfiguration(context);
  },
};

/** Null when the kernel cannot be asked or does not say. */
function probeKernel({ sys, isRoot }: Context): Finding | null {
  const disabled = readIfAllowed(sys, '/proc/sys/kernel/kexec_load_disabled')?.trim() === '1';
  // Each call would count (kernel/kexec_core.c, kexec_load_permitted); -1 is no limit.
  const limit = readIfAllowed(sys, '/proc/sys/kernel/kexec_load_limit_reboot')?.trim() ?? '-1';
  // A lockdown would refuse and write a line into the kernel log.
  if (!isRoot || disabled || limit !== '-1' || isLockedDown(sys)) return null;
  const errno = sys.probeKexecJump();
  const facts = { how: 'probe', errno };
  switch (errno) {
    case 'EFAULT':
      return ok('on (probed)', facts);
    case 'EINVAL':
      return obstacle('this kernel was built without CONFIG_KEXEC_JUMP (probed)', OTHER_KERNEL, facts);
    case 'ENOSYS':
      return obstacle('this kernel was built without CONFIG_KEXEC (probed)', OTHER_KERNEL, facts);
    default:
      // EPERM, EACCES: a security module or a missing capability; EBUSY: another kexec is under way.
      return null;
  }
}

function readConfiguration({ config, isRoot }: Context): Finding {
  const remedy = isRoot ? undefined : 'sudo torpor doctor';
  if (config === null) {
    return unknown("could not be probed, and this kernel's configuration is not to be found", remedy, {
      how: 'none',
    });
  }
  const facts = { how: 'configuration', source: config.source };
  // KEXEC_JUMP depends on KEXEC (kernel/Kconfig.kexec): without it the line is left over.
  if (config.value('CONFIG_KEXEC') === 'y' && config.value('CONFIG_KEXEC_JUMP') === 'y') {
    return ok(`on (${config.source})`, facts);
  }
  const missing = config.value('CONFIG_KEXEC') === 'y' ? 'CONFIG_KEXEC_JUMP' : 'CONFIG_KEXEC';
  return obstacle(`this kernel was built without ${missing} (${config.source})`, OTHER_KERNEL, facts);
}
