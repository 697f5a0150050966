import { TorporError } from '../../base/errors.ts';
import { checkPlan } from '../../memory/check-plan.ts';
import { checkReserved } from '../../memory/check-reserved.ts';
import { readFirmwareMap } from '../../memory/firmware-map.ts';
import { decodePlanArguments } from '../../memory/plan-arguments.ts';
import { type Check, obstacle, ok, unknown, warning } from '../check.ts';
import { kernelArgument } from '../context.ts';
import { orNull } from '../if-allowed.ts';
import { suggestSlots } from '../suggest-slots.ts';

/** The memory plan on the kernel command line, and whether the kernel keeps to it. */
export const plan: Check = {
  id: 'plan',
  title: 'memory plan',
  group: 'memory',
  probe(context) {
    const { sys } = context;
    const slot = Number(kernelArgument(context, 'torpor.slot') ?? 0);
    if (slot > 0) return ok(`this OS is in slot ${slot}; home has the plan`, { slot });
    const command = `torpor plan --slots ${orNull(() => suggestSlots(sys)) ?? '1x1G'}`;
    try {
      const found = decodePlanArguments(context.kernelArguments.join(' '));
      if (found === null) return warning('none in force', command, { slots: 0 });
      const facts = { slots: found.slots.length };
      checkPlan(found, readFirmwareMap(sys));
      try {
        checkReserved(sys.readTextFile('/proc/iomem') ?? '', found);
      } catch (cause) {
        if (cause instanceof TorporError && cause.code === 'E_NOT_ROOT') {
          return unknown(
            'there; only root can see whether the kernel keeps to it',
            'sudo torpor doctor',
            facts,
          );
        }
        throw cause;
      }
      return ok(`in force, ${found.slots.length} ${found.slots.length === 1 ? 'slot' : 'slots'}`, facts);
    } catch (cause) {
      if (!(cause instanceof TorporError) || cause.code === 'E_SYSCALL') throw cause;
      return obstacle(cause.message, cause.hint ?? command, { code: cause.code });
    }
  },
};
