import type { Sys } from '../sys/sys.ts';
import type { Bus } from './drivers.ts';
import { readIfAllowed } from './if-allowed.ts';

/** A device with a driver. */
export interface BoundDevice {
  readonly bus: Bus;
  /** `0000:00:1f.2`, `virtio3` */
  readonly device: string;
  readonly driver: string;
}

/** All PCI and virtio devices that a driver has taken, from their uevent files. */
export function listBoundDevices(sys: Sys): BoundDevice[] {
  return (['pci', 'virtio'] as const).flatMap((bus) => {
    const root = `/sys/bus/${bus}/devices`;
    return sys.listDirectory(root).flatMap((device) => {
      const driver = /^DRIVER=(.+)$/m.exec(readIfAllowed(sys, `${root}/${device}/uevent`) ?? '')?.[1];
      return driver === undefined ? [] : [{ bus, device, driver }];
    });
  });
}
