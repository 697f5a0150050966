import { type Check, ok } from '../check.ts';

/** Opening /dev/snapshot would start a hibernation, so only its presence is looked at. */
export const snapshotDevice: Check = {
  id: 'snapshot-device',
  title: '/dev/snapshot',
  group: 'kernel',
  probe({ sys }) {
    const present = sys.listDirectory('/dev').includes('snapshot');
    return ok(present ? 'there; this release does not use it' : 'missing; this release does not need it', {
      present,
    });
  },
};
