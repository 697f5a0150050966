import { type Check, ok } from '../check.ts';
import { readIfAllowed } from '../if-allowed.ts';
import { isLockedDown } from '../lockdown.ts';

/**
 * Whether the image engine can save this system. Opening /dev/snapshot would start a hibernation, so only its
 * presence and what the kernel says of hibernation is looked at.
 */
export const snapshotDevice: Check = {
  id: 'snapshot-device',
  title: '/dev/snapshot',
  group: 'kernel',
  probe({ sys }) {
    const present = sys.listDirectory('/dev').includes('snapshot');
    const power = readIfAllowed(sys, '/sys/power/disk') ?? '';
    const usable = present && !isLockedDown(sys) && !power.includes('[disabled]');
    const text = !present
      ? 'missing; only the image engine needs it'
      : usable
        ? 'there: the image engine can save and restore this system'
        : 'there, but this kernel does not hibernate (lockdown, nohibernate or memfd_secret)';
    return ok(text, { present, usable });
  },
};
