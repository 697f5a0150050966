import { type Check, obstacle, ok, warning } from '../check.ts';
import { kernelArgument } from '../context.ts';
import { readIfAllowed } from '../if-allowed.ts';

const CPU = '/sys/devices/system/cpu';

/**
 * Processors are taken down for a jump and brought up after it. One that this kernel leaves alone
 * goes on waiting in the memory of the kernel that had it last.
 */
export const processors: Check = {
  id: 'processors',
  title: 'processors',
  group: 'machine',
  probe(context) {
    const { sys, config } = context;
    const read = (name: string): string => (readIfAllowed(sys, `${CPU}/${name}`) ?? '').trim();
    const limits = ['maxcpus', 'nr_cpus', 'possible_cpus']
      .map((name) => ({ name, value: kernelArgument(context, name) }))
      .filter(({ value }) => value !== null)
      .map(({ name, value }) => `${name}=${value}`);
    const words = context.kernelArguments.filter((word) =>
      /^(nosmt(=.*)?|nosmp|nolapic|mitigations=.*nosmt.*)$/.test(word),
    );
    const facts = {
      online: read('online'),
      present: read('present'),
      offline: read('offline'),
      smt: read('smt/control') || null,
      hotplug: sys.listDirectory(CPU).includes('hotplug'),
      arguments: [...limits, ...words],
    };
    const single = facts.present === '0' || facts.present === '';
    if (!single && !facts.hotplug && config?.value('CONFIG_HOTPLUG_CPU') !== 'y') {
      return obstacle(
        'this kernel cannot take processors down',
        'boot a kernel with CONFIG_HOTPLUG_CPU=y',
        facts,
      );
    }
    if (facts.arguments.length > 0 || (facts.online !== facts.present && facts.online !== '')) {
      const why =
        facts.arguments.length > 0
          ? facts.arguments.join(' ')
          : `only ${facts.online} of ${facts.present} are online`;
      return warning(
        `${why}: give every OS the same set, or one OS's memory must not be freed while a processor waits in it`,
        facts.arguments.length > 0
          ? `remove ${facts.arguments.join(' ')} from the kernel arguments`
          : `for f in ${CPU}/cpu*/online; do echo 1 > $f; done`,
        facts,
      );
    }
    return ok(`${facts.online || '0'} online`, facts);
  },
};
