import { TorporError } from '../base/errors.ts';
import type { SlotRecord } from '../switchboard/record.ts';
import type { Sys } from '../sys/sys.ts';
import { type FoundDisk, findDisk, isSameDisk, requireFree } from './disks.ts';
import type { Obstacle } from './fences.ts';
import { isResident } from './find-slot.ts';
import type { RegisteredDisk, RegisteredOs, Registry } from './registry.ts';

/** A disk of an OS, found on this machine. */
export interface OsDisk {
  readonly name: string;
  readonly shared: boolean;
  readonly disk: FoundDisk;
}

/** Finds a disk of an OS and makes sure that nobody else uses it. Throws E_DISK_MISSING, E_DISK_IN_USE. */
export function openOsDisk(
  sys: Sys,
  os: string,
  wanted: RegisteredDisk,
  others: readonly { readonly os: string; readonly disks: readonly RegisteredDisk[] }[],
): OsDisk {
  const disk = findDisk(sys, wanted.id);
  if (disk === null) {
    throw new TorporError('E_DISK_MISSING', `the disk ${wanted.id} of “${os}” is not there`, {
      facts: { os, disk: wanted.id },
      hint: 'connect it, or correct its id: `torpor os add --replace --disk ID`',
    });
  }
  if (!wanted.shared) {
    requireFree(sys, disk, wanted.name);
    requireOwn(sys, os, wanted, disk, others);
  }
  return { name: wanted.name, shared: wanted.shared, disk };
}

/** The registered disks of all OSes in memory but `os`. One that is not registered has none that is known. */
export function disksOfOthers(
  registry: Registry,
  records: readonly SlotRecord[],
  os: string,
): { os: string; disks: readonly RegisteredDisk[] }[] {
  const others = records.filter((record) => isResident(record) && record.name !== os && record.index !== 0);
  return others.flatMap(({ name }) =>
    registry.has(name) ? [{ os: name, disks: registry.get(name).disks }] : [],
  );
}

/** The disk that a snapshot calls `name`: as the OS's entry says, else the one with that serial number. */
export function diskByName(os: RegisteredOs | null, name: string, shared: boolean): RegisteredDisk {
  return os?.disks.find((disk) => disk.name === name) ?? { id: name, name, shared };
}

/** As an obstacle of a plan; other errors are passed on. */
export function asObstacle(error: unknown): Obstacle {
  if (!(error instanceof TorporError)) throw error;
  return { code: error.code, message: error.message, hint: error.hint ?? 'see `torpor status`' };
}

function requireOwn(
  sys: Sys,
  os: string,
  wanted: RegisteredDisk,
  disk: FoundDisk,
  others: readonly { readonly os: string; readonly disks: readonly RegisteredDisk[] }[],
): void {
  const user = others.find(({ disks }) =>
    disks.some((theirs) => {
      const found = findDisk(sys, theirs.id);
      return found !== null && isSameDisk(sys, disk, found);
    }),
  );
  if (user === undefined) return;
  throw new TorporError(
    'E_DISK_IN_USE',
    `the disk ${wanted.name} (${disk.path}) also belongs to “${user.os}”, which is resident`,
    {
      facts: { os, disk: wanted.name, path: disk.path, user: user.os },
      hint: `stop it with \`torpor stop ${user.os}\`, or register the disk as shared with both: \`torpor os add --replace --shared-disk\``,
    },
  );
}
