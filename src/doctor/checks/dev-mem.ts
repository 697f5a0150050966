import { TorporError } from '../../base/errors.ts';
import { type Check, obstacle, ok, unknown } from '../check.ts';

/** Slots and the switchboard are reached through /dev/mem. */
export const devMem: Check = {
  id: 'dev-mem',
  title: '/dev/mem',
  group: 'kernel',
  essential: true,
  probe({ sys, config, isRoot }) {
    const strict = ['CONFIG_STRICT_DEVMEM', 'CONFIG_IO_STRICT_DEVMEM'].filter(
      (option) => config?.value(option) === 'y',
    );
    const facts = { config: config?.value('CONFIG_DEVMEM') ?? null, strict };
    if (!sys.listDirectory('/dev').includes('mem')) {
      if (facts.config === 'y') return obstacle('missing', 'mknod -m 600 /dev/mem c 1 1', facts);
      return obstacle('missing', 'boot a kernel with CONFIG_DEVMEM=y', facts);
    }
    if (!isRoot) return unknown('there; only root can open it', 'sudo torpor doctor', facts);
    try {
      sys.readFileRange('/dev/mem', 0n, 0);
    } catch (cause) {
      if (!(cause instanceof TorporError)) throw cause;
      const errno = cause.facts.errno ?? null;
      return obstacle(`cannot be opened: ${errno}`, openRemedy(errno), { ...facts, errno });
    }
    return ok(strict.length > 0 ? 'opens; strict, which reserved memory passes' : 'opens', facts);
  },
};

function openRemedy(errno: unknown): string {
  return errno === 'ENXIO'
    ? 'boot a kernel with CONFIG_DEVMEM=y'
    : 'end the lockdown, and give this process CAP_SYS_RAWIO';
}
