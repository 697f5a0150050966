import { formatSize, KIB, kernelSize } from '../../base/units.ts';
import { readFirmwareMap } from '../../memory/firmware-map.ts';
import { MIN_HOME_BYTES, MIN_SLOT_BYTES } from '../../memory/plan-rules.ts';
import { MAPPED_LIMIT_BYTES } from '../../switchboard/page-tables.ts';
import { type Check, obstacle, ok } from '../check.ts';
import { kernelArgument } from '../context.ts';
import { largestSlotBytes, suggestSlots } from '../suggest-slots.ts';

export const memorySize: Check = {
  id: 'memory-size',
  title: 'memory',
  group: 'memory',
  probe(context) {
    const { sys } = context;
    const totalBytes =
      Number(/^MemTotal:\s+(\d+) kB$/m.exec(sys.readTextFile('/proc/meminfo') ?? '')?.[1] ?? 0) * KIB;
    const slot = Number(kernelArgument(context, 'torpor.slot') ?? 0);
    if (slot > 0) {
      return ok(`${formatSize(totalBytes)} in slot ${slot}; home divides the memory`, { totalBytes, slot });
    }
    const largestBytes = largestSlotBytes(sys);
    const facts = { totalBytes, largestSlotBytes: largestBytes, suggestion: suggestSlots(sys) };
    const endBytes = Math.max(
      ...readFirmwareMap(sys)
        .filter(({ type }) => type === 'usable')
        .map(({ end }) => end),
    );
    if (endBytes > MAPPED_LIMIT_BYTES && kernelArgument(context, 'mem') === null) {
      return obstacle(
        `memory above ${formatSize(MAPPED_LIMIT_BYTES)}, which the switchboard does not map`,
        `kernel argument mem=${kernelSize(MAPPED_LIMIT_BYTES)}`,
        facts,
      );
    }
    if (facts.suggestion === null) {
      const needed = formatSize(MIN_HOME_BYTES + MIN_SLOT_BYTES);
      return obstacle(
        `${formatSize(totalBytes)}: no slot fits beside this OS`,
        `add memory: ${needed} are the least`,
        facts,
      );
    }
    return ok(
      `${formatSize(totalBytes)} in use by this kernel; a slot could have up to ${formatSize(largestBytes)}`,
      facts,
    );
  },
};
