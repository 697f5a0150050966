import { TorporError } from '../../base/errors.ts';
import { unmountGuarded } from '../../engine/image/guarded-unmount.ts';
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
  const mountAgain: (() => void)[] = [];
  try {
    for (const mount of shared.toReversed()) mountAgain.unshift(unmount(sys, image, mount));
    return action();
  } finally {
    for (const [index, again] of mountAgain.entries()) {
      try {
        again();
      } catch (error) {
        const { mountPoint } = shared.at(index - mountAgain.length)!;
        warnings.push(`${mountPoint} could not be mounted again: ${(error as Error).message}`);
      }
    }
  }
}

/** Returns what mounts it again. Throws E_DISK_IN_USE. */
function unmount(sys: Sys, image: ImageSys, mount: MountedDisk): () => void {
  let mountAgain: () => void;
  try {
    mountAgain = unmountGuarded(image, {
      ...mount,
      options: mount.options === '' ? 'defaults' : mount.options,
    });
  } catch (cause) {
    throw explainBusy(mount.mountPoint, cause);
  }
  return () => {
    dropCache(sys, mount.disk.path);
    mountAgain();
  };
}

/** What this kernel has cached of the disk may be older than what is on it. */
function dropCache(sys: Sys, path: string): void {
  const device = sys.openBlockDevice(path, 'read');
  try {
    device.dropCache();
  } finally {
    device.close();
  }
}

function explainBusy(place: string, cause: unknown): unknown {
  if (!(cause instanceof TorporError) || cause.facts.errno !== 'EBUSY') return cause;
  return new TorporError('E_DISK_IN_USE', `${place} cannot be unmounted, and other OSes mount it too`, {
    facts: { place },
    hint: `end what uses it: \`fuser -vm ${place}\``,
    cause,
  });
}
