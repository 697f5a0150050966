import type { Sys } from '../sys/sys.ts';
import { type FoundDisk, findDisk } from './disks.ts';

/** A filesystem on a disk, as this system has it mounted. */
export interface MountedDisk {
  readonly mountPoint: string;
  readonly type: string;
  /** Of mount(8). */
  readonly options: string;
  readonly isWritable: boolean;
  readonly disk: FoundDisk;
  /** Such as `/dev/vda1`, as it was mounted. */
  readonly source: string;
}

/**
 * Every filesystem that is mounted from a disk, once, in the order of mounting. Reads
 * /proc/self/mountinfo (proc_pid_mountinfo(5)).
 */
export function readMountedDisks(sys: Sys): MountedDisk[] {
  const found: MountedDisk[] = [];
  for (const line of (sys.readTextFile('/proc/self/mountinfo') ?? '').split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const [, , number = '', , place, placeOptions = ''] = left.split(' ');
    const [type = '', source = '', options = ''] = right.split(' ');
    if (place === undefined) continue;
    const disk = findMounted(sys, number, source);
    // Another mount of the same filesystem: one is enough to freeze it.
    if (disk === null || found.some((other) => other.disk.kernelName === disk.kernelName)) continue;
    found.push({
      mountPoint: unescapeOctal(place),
      type,
      options: placeOptions,
      // The filesystem itself may be writable where this mount of it is not.
      isWritable: options.split(',').includes('rw'),
      disk,
      source: disk.path,
    });
  }
  return found;
}

/** By the device's number; filesystems of several disks (btrfs) have one of their own, and a path. */
function findMounted(sys: Sys, number: string, source: string): FoundDisk | null {
  const link = sys.readLink(`/sys/dev/block/${number}`);
  const name = link?.split('/').at(-1);
  if (name !== undefined) return { kernelName: name, path: `/dev/${name.replaceAll('!', '/')}` };
  return source.startsWith('/dev/') ? findDisk(sys, source) : null;
}

/** Spaces and the like are written as octal numbers. */
function unescapeOctal(place: string): string {
  return place.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** A disk of a file or of memory is no disk of its own. */
export function isOwnDisk({ kernelName }: FoundDisk): boolean {
  return !/^(loop|ram|zram)\d/.test(kernelName);
}

/** The mount that a path is in; null when it is in none from a disk. */
export function mountOf(mounts: readonly MountedDisk[], path: string): MountedDisk | null {
  const inside = mounts.filter(
    ({ mountPoint }) => mountPoint === '/' || path === mountPoint || path.startsWith(`${mountPoint}/`),
  );
  return inside.toSorted((a, b) => b.mountPoint.length - a.mountPoint.length)[0] ?? null;
}
