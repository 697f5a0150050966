import { TorporError } from '../../base/errors.ts';
import { warnOfStart } from '../../machine/image/boot-program.ts';
import { findNamedDisk } from '../../machine/image/disk-name.ts';
import { readParkingSettings } from '../../machine/parking/parking-place.ts';
import { type Check, ok, warning } from '../check.ts';
import { readIfAllowed } from '../if-allowed.ts';

/** Whether this OS can take turns with others without a memory plan. */
export const parking: Check = {
  id: 'parking',
  title: 'parking area',
  group: 'memory',
  probe({ sys }) {
    try {
      const settings = readParkingSettings(sys);
      if (settings === null)
        return ok('none; without a memory plan stock systems switch through one', { known: false });
      const { os, disk } = settings;
      const facts = { known: true, os, disk };
      if (findNamedDisk(sys, disk) === null)
        return warning(`its disk ${disk} is not there`, 'torpor parking use DISK', facts);
      const swaps = (readIfAllowed(sys, '/proc/swaps') ?? '').trim().split('\n').slice(1);
      if (swaps.length > 0) return warning('swap is on: an image does not cover it', 'swapoff -a', facts);
      if (!/ - cgroup2 /.test(readIfAllowed(sys, '/proc/self/mountinfo') ?? '')) {
        const remedy = 'mount -t cgroup2 none /sys/fs/cgroup';
        return warning('programs cannot be held: control groups v2 are not mounted', remedy, facts);
      }
      if (warnOfStart(sys).length > 0)
        return warning(`“${os}” does not go on by itself at a start`, 'boot/install', facts);
      return ok(`“${os}” parks on ${disk}`, facts);
    } catch (cause) {
      if (!(cause instanceof TorporError) || cause.code === 'E_SYSCALL') throw cause;
      return warning(cause.message, cause.hint, { known: true });
    }
  },
};
