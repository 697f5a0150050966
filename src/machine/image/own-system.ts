import { TorporError } from '../../base/errors.ts';
import type { OwnDisk } from '../../engine/image/take-image.ts';
import type { Sys } from '../../sys/sys.ts';
import { isOwnDisk, type MountedDisk, mountOf, readMountedDisks } from '../mounts.ts';
import { nameDisk } from './disk-name.ts';

/** What an image of this system covers, and where its bank is. */
export interface OwnSystem {
  /** Filesystems on disks that are frozen with the system; not that of the bank. */
  readonly filesystems: readonly MountedDisk[];
  readonly disks: readonly OwnDisk[];
  /** The mount that the bank is in: unmounted while the system stands still. */
  readonly bank: MountedDisk;
}

/**
 * Looks at what is mounted. The bank must be on a disk that no filesystem of this system is on: it has to
 * stay what it is when the system goes back. Throws E_BANK_PLACE, E_SWAP_IN_USE.
 */
export function readOwnSystem(sys: Sys, bankDirectory: string): OwnSystem {
  refuseSwap(sys);
  const mounts = readMountedDisks(sys);
  const bank = mountOf(mounts, bankDirectory);
  const others = mounts.filter((mount) => mount !== bank);
  if (bank === null || bank.mountPoint === '/') {
    throw new TorporError('E_BANK_PLACE', `the bank ${bankDirectory} is on a disk of this system itself`, {
      facts: { bank: bankDirectory, mountPoint: bank?.mountPoint ?? null },
      hint: 'put the bank on a partition of its own and mount that, or name one with --bank',
    });
  }
  const filesystems = others.filter(({ isWritable }) => isWritable);
  const disks = filesystems
    .filter(({ disk }) => isOwnDisk(disk))
    .map(({ disk }) => ({ name: nameDisk(sys, disk), path: disk.path }));
  return { filesystems, disks, bank };
}

/** Pages in a swap area would be missing from the image, and would change after it. */
export function refuseSwap(sys: Sys): void {
  const lines = (sys.readTextFile('/proc/swaps') ?? '').trim().split('\n').slice(1);
  if (lines.length === 0) return;
  const areas = lines.map((line) => line.split(/\s/)[0]!);
  throw new TorporError('E_SWAP_IN_USE', `swap is on: ${areas.join(', ')}`, {
    facts: { areas },
    hint: 'run `swapoff -a`; it can go on again after the snapshot',
  });
}

/** Throws E_NO_SNAPSHOT_DEVICE when this kernel makes no images. */
export function requireSnapshotDevice(sys: Sys): void {
  const lockdown = /\[(\w+)\]/.exec(sys.readTextFile('/sys/kernel/security/lockdown') ?? '')?.[1] ?? 'none';
  const refuse = (what: string, hint: string): TorporError =>
    new TorporError('E_NO_SNAPSHOT_DEVICE', what, { facts: { lockdown }, hint });
  if (lockdown !== 'none') {
    throw refuse(
      `kernel lockdown (${lockdown}) forbids images of the system`,
      'turn Secure Boot off, or boot with lockdown=none',
    );
  }
  if (!sys.listDirectory('/dev').includes('snapshot')) {
    throw refuse(
      'this kernel has no /dev/snapshot',
      'boot a kernel with CONFIG_HIBERNATION=y and CONFIG_SNAPSHOT_DEV=y, as distributions build it',
    );
  }
  if (/\[disabled\]/.test(sys.readTextFile('/sys/power/disk') ?? '')) {
    throw refuse(
      'this kernel was told not to hibernate, or memory is held secret (memfd_secret)',
      'boot without nohibernate; end programs that use memfd_secret',
    );
  }
}
