import { type Check, obstacle, ok, unknown } from '../check.ts';

/** PROC_USER_INIT_INO and PROC_PID_INIT_INO of include/linux/proc_ns.h. */
const INITIAL = { pid: 'pid:[4026531836]', user: 'user:[4026531837]' } as const;

/** reboot(2) in another pid namespace ends its init and never reaches the jump (kernel/pid_namespace.c). */
export const container: Check = {
  id: 'container',
  title: 'namespaces',
  group: 'machine',
  essential: true,
  probe({ sys }) {
    const found = { pid: sys.readLink('/proc/self/ns/pid'), user: sys.readLink('/proc/self/ns/user') };
    if (found.pid === null && found.user === null) {
      return unknown('/proc/self/ns cannot be read', 'mount -t proc proc /proc', found);
    }
    // A kernel without one of these namespaces has no such link: then there is only the initial one.
    const foreign = (['pid', 'user'] as const).filter(
      (kind) => found[kind] !== null && found[kind] !== INITIAL[kind],
    );
    if (foreign.length === 0) return ok('the initial ones', found);
    return obstacle(
      `this is a container (${foreign.join(' and ')} namespace): the kernel would end it instead of switching`,
      'run torpor on the host, outside the container',
      found,
    );
  },
};
