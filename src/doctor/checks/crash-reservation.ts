import { type Check, ok, unknown, warning } from '../check.ts';
import { kernelArgument } from '../context.ts';

/** A panic comes back to the others only from inside a crashkernel reservation. */
export const crashReservation: Check = {
  id: 'crash-reservation',
  title: 'crash reservation',
  group: 'memory',
  probe(context) {
    const { sys } = context;
    const size = sys.readTextFile('/sys/kernel/kexec_crash_size')?.trim() ?? null;
    const facts = {
      bytes: size === null ? null : Number(size),
      argument: kernelArgument(context, 'crashkernel'),
      loaded: sys.readTextFile('/sys/kernel/kexec_crash_loaded')?.trim() ?? null,
    };
    const joined = kernelArgument(context, 'torpor.switchboard') !== null;
    if (facts.bytes === null && facts.argument === null) {
      return warning(
        'this kernel has none to offer: a panic of this OS ends all of them',
        'boot a kernel with CONFIG_CRASH_DUMP=y and the argument crashkernel=16M',
        facts,
      );
    }
    if (facts.bytes === null)
      return unknown(`asked for (${facts.argument}), but not to be seen`, undefined, facts);
    if (facts.bytes === 0)
      return warning('none: a panic of this OS ends all of them', 'kernel argument crashkernel=16M', facts);
    if (facts.loaded === '1' && !joined) {
      return warning(
        'holds a crash kernel (kdump), which `torpor join` replaces',
        'systemctl disable --now kdump kdump-tools',
        facts,
      );
    }
    return ok('there', facts);
  },
};
