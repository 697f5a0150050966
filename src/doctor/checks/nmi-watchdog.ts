import { type Check, ok, warning } from '../check.ts';

/** The performance counters of processor 0 are not restored after a jump. */
export const nmiWatchdog: Check = {
  id: 'nmi-watchdog',
  title: 'NMI watchdog',
  group: 'kernel',
  probe({ sys }) {
    const value = sys.readTextFile('/proc/sys/kernel/nmi_watchdog')?.trim() ?? null;
    const facts = { value };
    if (value !== '1') return ok('off', facts);
    return warning('on; it is dead on processor 0 after a switch', 'kernel argument nmi_watchdog=0', facts);
  },
};
