import { TorporError } from '../../base/errors.ts';
import { MIB } from '../../base/units.ts';
import { formatParkingArea, type ParkingArea, readParkingArea } from '../../engine/image/parking-area.ts';
import type { ImageSys } from '../../sys/image-sys.ts';
import type { Sys } from '../../sys/sys.ts';
import { type FoundDisk, requireFree } from '../disks.ts';
import { listParked } from './slots.ts';

export interface MakeParkingWish {
  readonly slots: number;
  /** Whatever is on the disk is given up. */
  readonly force: boolean;
}

/** Makes a disk a parking area. Throws E_DISK_IN_USE unless it is empty or `force` is given, E_PARKING. */
export function makeParking(sys: Sys, image: ImageSys, disk: FoundDisk, wish: MakeParkingWish): ParkingArea {
  requireFree(sys, disk, disk.path);
  if (!wish.force) {
    const used = describeContent(image, disk.path);
    if (used !== null) {
      throw new TorporError('E_DISK_IN_USE', `${disk.path} is not empty: ${used}`, {
        facts: { disk: disk.path, content: used },
        hint: 'with --force what is on it is given up',
      });
    }
  }
  return formatParkingArea(image, disk.path, wish.slots, Math.round(sys.realtimeMs()));
}

/** Null when the first MiB is empty. */
function describeContent(image: ImageSys, path: string): string | null {
  const area = readParkingArea(image, path);
  if (area !== null) {
    const names = listParked(image, area).map(({ os }) => os);
    return names.length === 0 ? 'a parking area' : `a parking area with ${names.join(', ')}`;
  }
  const device = image.openDirect(path, 'read');
  try {
    const head = image.allocatePages(MIB).subarray(0, Math.min(MIB, device.sizeBytes));
    device.read(0, head);
    return head.every((byte) => byte === 0) ? null : 'its first MiB has other data';
  } finally {
    device.close();
  }
}
