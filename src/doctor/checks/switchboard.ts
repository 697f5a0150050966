import { TorporError } from '../../base/errors.ts';
import { REGISTRY_DIRECTORY } from '../../machine/registry.ts';
import { openSwitchboard } from '../../machine/this-os.ts';
import { type Check, obstacle, ok, unknown, warning } from '../check.ts';
import { kernelArgument } from '../context.ts';

/** Codes that `torpor join` in a freshly started home cures. */
const NOT_JOINED = new Set(['E_SWITCHBOARD_MAGIC', 'E_SWITCHBOARD_VALUE']);

export const switchboard: Check = {
  id: 'switchboard',
  title: 'switchboard',
  group: 'memory',
  probe(context) {
    const { sys, isRoot } = context;
    if (kernelArgument(context, 'torpor.switchboard') === null)
      return ok('none yet: it follows the memory plan', { present: false });
    if (!isRoot) return unknown('only root can see it', 'sudo torpor doctor');
    try {
      const records = openSwitchboard(sys).records();
      const held = records.filter(({ state }) => state !== 'empty');
      const others = held.length - 1;
      const facts = {
        present: true,
        slots: records.length - 1,
        others,
        next: nextCommand(context.sys.listDirectory(REGISTRY_DIRECTORY), others),
      };
      return ok(
        `valid, ${others} other ${others === 1 ? 'OS' : 'OSes'} in ${records.length - 1} slots`,
        facts,
      );
    } catch (cause) {
      if (!(cause instanceof TorporError) || cause.code === 'E_SYSCALL') throw cause;
      const isHome = (kernelArgument(context, 'torpor.slot') ?? '0') === '0';
      if (isHome && NOT_JOINED.has(cause.code)) {
        return warning('this OS has not joined its machine since it started', 'torpor join', {
          code: cause.code,
        });
      }
      return obstacle(cause.message, cause.hint, { code: cause.code });
    }
  },
};

function nextCommand(registered: readonly string[], others: number): string {
  if (others > 0) return 'torpor status';
  const first = registered.find((file) => file.endsWith('.toml'));
  return first === undefined
    ? 'torpor os add NAME --kernel FILE'
    : `torpor boot ${first.slice(0, -'.toml'.length)}`;
}
