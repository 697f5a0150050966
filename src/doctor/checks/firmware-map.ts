import { TorporError } from '../../base/errors.ts';
import { sizeOf } from '../../base/ranges.ts';
import { formatSize } from '../../base/units.ts';
import { readFirmwareMap } from '../../memory/firmware-map.ts';
import { type Check, obstacle, ok } from '../check.ts';

export const firmwareMap: Check = {
  id: 'firmware-map',
  title: 'firmware map',
  group: 'memory',
  essential: true,
  probe({ sys }) {
    try {
      const usable = readFirmwareMap(sys).filter(({ type }) => type === 'usable');
      const sizes = usable.map(sizeOf);
      const facts = { usableRanges: usable.length, usableBytes: sizes.reduce((sum, size) => sum + size, 0) };
      return ok(`${usable.length} usable ranges, ${formatSize(facts.usableBytes)}`, facts);
    } catch (cause) {
      if (!(cause instanceof TorporError) || cause.code === 'E_SYSCALL') throw cause;
      return obstacle(cause.message, 'boot a kernel with CONFIG_FIRMWARE_MEMMAP=y', { code: cause.code });
    }
  },
};
