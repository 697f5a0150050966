import { type Check, ok, warning } from '../check.ts';

const SOURCE = '/sys/devices/system/clocksource/clocksource0/current_clocksource';

export const clock: Check = {
  id: 'clock',
  title: 'clock',
  group: 'machine',
  probe({ sys, cpuFlags }) {
    const source = (sys.readTextFile(SOURCE) ?? '').trim();
    const steady = cpuFlags.has('constant_tsc') && cpuFlags.has('nonstop_tsc');
    const facts = { source, steadyTsc: steady };
    if (source === 'tsc') return ok('tsc', facts);
    if (source !== '' && steady && /^(kvm-clock|hyperv_clocksource_tsc_page)$/.test(source))
      return ok(source, facts);
    return warning(
      `${source || 'unknown'} instead of tsc: the times of a switch may be wrong, and clocks drift apart more`,
      'kernel argument tsc=reliable, if the processor’s TSC is',
      facts,
    );
  },
};
