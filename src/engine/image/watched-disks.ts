import { TorporError } from '../../base/errors.ts';
import { PAGE_BYTES } from '../../base/units.ts';
import { compareFences, type DiskFence, type FenceKind, readDiskFence } from '../../filesystem/disk-fence.ts';
import type { ImageSys } from '../../sys/image-sys.ts';
import { alignedReader } from './aligned-reader.ts';
import type { OwnDisk } from './take-image.ts';

/** A disk that a parked OS has mounted, and how it is watched. */
export interface WatchedDisk extends OwnDisk {
  readonly kind: FenceKind;
}

/** The same with what it looked like when the OS was parked. */
export interface FencedDisk extends OwnDisk {
  readonly fence: DiskFence;
}

const BUFFER_BYTES = 64 * PAGE_BYTES;

/** Reads what a disk looks like, past the cache. Throws E_SYSCALL. */
export function readFenceOf(sys: ImageSys, { path, kind }: WatchedDisk): DiskFence {
  const device = sys.openDirect(path, 'read');
  try {
    return readDiskFence(alignedReader(device, sys.allocatePages(BUFFER_BYTES)), kind);
  } finally {
    device.close();
  }
}

/** What has happened to the disk since its OS was parked; null when nothing has. */
export function findChange(sys: ImageSys, disk: FencedDisk): string | null {
  return compareFences(disk.fence, readFenceOf(sys, { ...disk, kind: disk.fence.kind }));
}

/** Throws E_DISK_CHANGED when one of the disks has moved on without its OS. */
export function checkFences(sys: ImageSys, os: string, disks: readonly FencedDisk[]): void {
  for (const disk of disks) {
    const change = findChange(sys, disk);
    if (change !== null) throw diskChanged(os, disk.name, change);
  }
}

export function diskChanged(os: string, disk: string, change: string): TorporError {
  return new TorporError(
    'E_DISK_CHANGED',
    `“${os}” cannot go on where it was: of its disk ${disk}, ${change}`,
    {
      facts: { os, disk, change },
      hint: `what its memory held is of no use any more: \`torpor parking drop ${os}\`, and start it anew`,
    },
  );
}
