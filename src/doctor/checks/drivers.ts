import { type BoundDevice, listBoundDevices } from '../bound-devices.ts';
import { type Check, obstacle, ok, warning } from '../check.ts';
import { gradeDriver } from '../drivers.ts';

/** Whether the drivers of all devices can freeze and restore them. */
export const drivers: Check = {
  id: 'drivers',
  title: 'drivers',
  group: 'devices',
  probe({ sys }) {
    const found = listBoundDevices(sys);
    const of = (...grades: unknown[]): BoundDevice[] =>
      found.filter(({ bus, driver }) => grades.includes(gradeDriver(bus, driver)));
    const refusing = of('refuses');
    const bad = of('none');
    const doubtful = of('legacy', null);
    const facts = {
      tried: names(of('tried')),
      byReading: names(of('callbacks', 'stateless')),
      legacy: names(of('legacy')),
      withoutCallbacks: names(bad),
      refusing: names(refusing),
      unknown: names(of(null)),
      devices: found.map(({ device, driver }) => `${device} ${driver}`),
    };
    if (refusing.length > 0) {
      return obstacle(`${list(refusing)} refuses to be frozen`, unload(refusing), facts);
    }
    if (bad.length > 0) {
      return warning(
        `${list(bad)} cannot restore ${bad.length === 1 ? 'its device' : 'their devices'} after a switch`,
        unload(bad),
        facts,
      );
    }
    if (doubtful.length > 0) {
      return warning(
        `${list(doubtful)} was never tried; the other ${found.length - doubtful.length} should come back`,
        'test it with idle disks: torpor switch there and back, then look at dmesg',
        facts,
      );
    }
    return ok(
      found.length === 0 ? 'no PCI or virtio device has one' : `all ${found.length} devices should come back`,
      facts,
    );
  },
};

const names = (devices: readonly BoundDevice[]): string[] =>
  [...new Set(devices.map(({ driver }) => driver))].toSorted();
const list = (devices: readonly BoundDevice[]): string => names(devices).join(', ');
const unload = (devices: readonly BoundDevice[]): string =>
  `before a switch, if nothing needs it: modprobe -r ${names(devices).join(' ')}`;
