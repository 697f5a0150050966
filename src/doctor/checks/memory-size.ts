import { formatSize, KIB } from '../../base/units.ts';
import { largestSlotBytes, suggestSlots } from '../suggest-slots.ts';
import { type Check, obstacle, ok } from '../check.ts';
import { MIN_HOME_BYTES, MIN_SLOT_BYTES } from '../../memory/plan-rules.ts';

export const memorySize: Check = {
  id: 'memory-size',
  title: 'memory',
  group: 'memory',
  probe({ sys }) {
    const totalBytes = Number(/^MemTotal:\s+(\d+) kB$/m.exec(sys.readTextFile('/proc/meminfo') ?? '')?.[1] ?? 0) * KIB;
    const largestBytes = largestSlotBytes(sys);
    const facts = { totalBytes, largestSlotBytes: largestBytes, suggestion: suggestSlots(sys) };
    if (facts.suggestion === null) {
      const needed = formatSize(MIN_HOME_BYTES + MIN_SLOT_BYTES);
      return obstacle(`${formatSize(totalBytes)}: no slot fits beside this OS`, `add memory: ${needed} are the least`, facts);
    }
    return ok(`${formatSize(totalBytes)} in use by this kernel; a slot could have up to ${formatSize(largestBytes)}`, facts);
  },
};
