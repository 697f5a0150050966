import { dirname } from 'node:path';
import { TorporError } from '../../base/errors.ts';
import { PAGE_BYTES } from '../../base/units.ts';
import { alignedReader } from '../../engine/image/aligned-reader.ts';
import type { ParkingArea } from '../../engine/image/parking-area.ts';
import type { WatchedDisk } from '../../engine/image/watched-disks.ts';
import { chooseFence, type FenceKind } from '../../filesystem/disk-fence.ts';
import type { ImageSys } from '../../sys/image-sys.ts';
import type { Sys } from '../../sys/sys.ts';
import { completeBankPlace } from '../bank-place.ts';
import { findHolders } from '../disks.ts';
import { nameDisk } from '../image/disk-name.ts';
import { refuseSwap, requireSnapshotDevice } from '../image/own-system.ts';
import { isOwnDisk, type MountedDisk, readMountedDisks } from '../mounts.ts';
import type { ParkingSettings } from './parking-place.ts';
import { readSlots } from './slots.ts';

/** How this OS will be parked. */
export interface OwnParkPlan {
  readonly os: string;
  readonly machineId: string;
  readonly slot: number;
  /** Filesystems that other OSes have too: not mounted while this one is parked. */
  readonly shared: readonly MountedDisk[];
  /** Filesystems that are frozen, in the order of mounting. */
  readonly frozen: readonly MountedDisk[];
  /** Every disk that stays mounted. */
  readonly disks: readonly WatchedDisk[];
}

/** Looks at this system; changes nothing. Throws E_NO_SNAPSHOT_DEVICE, E_SWAP_IN_USE, E_DISK_IN_USE, E_NO_FENCE, E_OS_EXISTS, E_NO_SLOT. */
export function planPark(
  sys: Sys,
  image: ImageSys,
  settings: ParkingSettings,
  area: ParkingArea,
): OwnParkPlan {
  requireSnapshotDevice(sys);
  refuseSwap(sys);
  refuseUsedArea(sys, area);
  const mounts = readMountedDisks(sys);
  const places = [...settings.shared, ...bankPlaces()];
  const shared = mounts.filter(({ mountPoint }) => places.includes(mountPoint) && mountPoint !== '/');
  const kept = mounts.filter((mount) => !shared.includes(mount));
  refuseZfs(sys);
  const machineId = sys.readTextFile('/etc/machine-id')?.trim() ?? '';
  return {
    os: settings.os,
    machineId,
    slot: chooseSlot(image, area, settings.os, machineId),
    shared,
    frozen: kept.filter(({ isWritable }) => isWritable),
    disks: kept
      .filter(({ disk }) => isOwnDisk(disk))
      .map((mount) => ({
        name: nameDisk(sys, mount.disk),
        path: mount.disk.path,
        kind: kindOf(image, mount),
      })),
  };
}

/** A bank's own filesystem is one that all OSes may have. */
function bankPlaces(): string[] {
  const directory = completeBankPlace({}).directory!;
  return [directory, dirname(directory)];
}

function refuseUsedArea(sys: Sys, { device }: ParkingArea): void {
  const holders = findHolders(sys, {
    kernelName: device.slice('/dev/'.length).replaceAll('/', '!'),
    path: device,
  });
  if (holders.length === 0) return;
  throw new TorporError('E_DISK_IN_USE', `the parking area ${device} is in use: ${holders.join(', ')}`, {
    facts: { disk: device, holders },
    hint: 'nothing else may use the disk of a parking area',
  });
}

function kindOf(image: ImageSys, { disk, type, mountPoint }: MountedDisk): FenceKind {
  const device = image.openDirect(disk.path, 'read');
  try {
    const kind = chooseFence(alignedReader(device, image.allocatePages(4 * PAGE_BYTES)), type);
    if (kind !== null) return kind;
  } finally {
    device.close();
  }
  throw notWatched(`${mountPoint} (${type})`);
}

/** Its disks are not to be seen in mountinfo. */
function refuseZfs(sys: Sys): void {
  const found = /^\S+ \S+ \S+ \S+ (\S+) .* - zfs /m.exec(sys.readTextFile('/proc/self/mountinfo') ?? '');
  if (found !== null) throw notWatched(`${found[1]} (zfs)`);
}

function notWatched(what: string): TorporError {
  return new TorporError(
    'E_NO_FENCE',
    `nobody could tell whether ${what} was changed while this OS is parked`,
    {
      facts: { filesystem: what },
      hint: 'unmount it; ext2 to ext4, btrfs and filesystems of up to 4 GiB can be watched',
    },
  );
}

/** The slot that this OS had, or the first that is free. */
function chooseSlot(image: ImageSys, area: ParkingArea, os: string, machineId: string): number {
  const slots = readSlots(image, area);
  const own = slots.find((content) => content.state === 'parked' && content.parked.os === os);
  if (own?.state === 'parked') {
    if (own.parked.facts.machineId === machineId) return own.slot;
    throw new TorporError('E_OS_EXISTS', `another OS is parked as “${os}”`, {
      facts: { os, slot: own.slot },
      hint: 'give this one a name of its own: `torpor parking use DISK --name NAME`',
    });
  }
  const free = slots.find(({ state }) => state === 'empty') ?? slots.find(({ state }) => state === 'damaged');
  if (free !== undefined) return free.slot;
  const names = slots.flatMap((content) => (content.state === 'parked' ? [content.parked.os] : []));
  throw new TorporError('E_NO_SLOT', `all ${slots.length} slots of the parking area are taken`, {
    facts: { slots: slots.length, parked: names },
    hint: `parked are ${names.join(', ')}; \`torpor parking drop OS\` gives one up`,
  });
}
