import { TorporError } from '../../base/errors.ts';
import type { ImageSys } from '../../sys/image-sys.ts';
import type { Sys } from '../../sys/sys.ts';
import type { MountedDisk } from '../mounts.ts';

/**
 * Runs `action` while filesystems that other OSes have too are not mounted. One that cannot be mounted again
 * is a warning. Throws E_DISK_IN_USE.
 */
export function withoutShared<T>(
  sys: Sys,
  image: ImageSys,
  shared: readonly MountedDisk[],
  warnings: string[],
  action: () => T,
): T {
  const unmounted: MountedDisk[] = [];
  try {
    for (const mount of shared.toReversed()) {
      unmount(image, mount);
      unmounted.unshift(mount);
    }
    return action();
  } finally {
    for (const mount of unmounted) {
      try {
        mountAgain(sys, image, mount);
      } catch (error) {
        warnings.push(`${mount.mountPoint} could not be mounted again: ${(error as Error).message}`);
      }
    }
  }
}

/** What this kernel has cached of the disk may be older than what is on it. */
function mountAgain(
  sys: Sys,
  image: ImageSys,
  { disk, source, mountPoint, type, options }: MountedDisk,
): void {
  const device = sys.openBlockDevice(disk.path, 'read');
  try {
    device.dropCache();
  } finally {
    device.close();
  }
  image.mount(source, mountPoint, type, options === '' ? 'defaults' : options);
}

function unmount(image: ImageSys, { mountPoint }: MountedDisk): void {
  try {
    image.unmount(mountPoint);
  } catch (cause) {
    if (!(cause instanceof TorporError) || cause.facts.errno !== 'EBUSY') throw cause;
    throw new TorporError('E_DISK_IN_USE', `${mountPoint} cannot be unmounted, and other OSes mount it too`, {
      facts: { place: mountPoint },
      hint: `end what uses it: \`fuser -vm ${mountPoint}\``,
      cause,
    });
  }
}
