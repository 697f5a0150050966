import { type Check, obstacle, ok, warning } from '../check.ts';
import { kernelArgument } from '../context.ts';

const SYSCTL = '/proc/sys/kernel';

/** The sysctls that forbid or count kexec_load (kernel/kexec_core.c). None can be taken back. */
export const kexecAllowed: Check = {
  id: 'kexec-allowed',
  title: 'kexec_load',
  group: 'kernel',
  probe(context) {
    const { sys } = context;
    const read = (name: string): string | null => sys.readTextFile(`${SYSCTL}/${name}`)?.trim() ?? null;
    const facts = {
      disabled: read('kexec_load_disabled'),
      limitReboot: read('kexec_load_limit_reboot'),
      limitPanic: read('kexec_load_limit_panic'),
      loaded: sys.readTextFile('/sys/kernel/kexec_loaded')?.trim() ?? null,
    };
    if (facts.disabled === '1') {
      return obstacle('forbidden until the next start', undo('kernel.kexec_load_disabled=1'), facts);
    }
    if (facts.limitReboot === '0') {
      return obstacle('used up until the next start', undo('kernel.kexec_load_limit_reboot'), facts);
    }
    if (Number(facts.limitReboot ?? -1) > 0) {
      return warning(
        `allowed only ${facts.limitReboot} more times`,
        undo('kernel.kexec_load_limit_reboot'),
        facts,
      );
    }
    if (facts.limitPanic === '0') {
      return warning('allowed, but not for a panic', undo('kernel.kexec_load_limit_panic'), facts);
    }
    if (facts.loaded === '1' && kernelArgument(context, 'torpor.switchboard') === null) {
      return warning('allowed; a kernel is loaded already and a switch replaces it', 'kexec -u', facts);
    }
    return ok(facts.disabled === null ? 'no sysctl speaks against it' : 'allowed', facts);
  },
};

function undo(setting: string): string {
  return `remove ${setting} from /etc/sysctl.d, then restart`;
}
