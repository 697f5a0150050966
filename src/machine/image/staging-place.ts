import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import * as z from 'zod';
import { TorporError } from '../../base/errors.ts';
import { alignUp, formatSize, MIB, PAGE_BYTES } from '../../base/units.ts';
import { readParkingArea } from '../../engine/image/parking-area.ts';
import type { StagingPlace } from '../../engine/image/staging-area.ts';
import type { ImageSys } from '../../sys/image-sys.ts';
import type { Sys } from '../../sys/sys.ts';
import { findDisk, findHolders } from '../disks.ts';
import type { MountedDisk } from '../mounts.ts';
import { findNamedDisk, nameDisk } from './disk-name.ts';

/** Where the staging area is, for the next command and for the initramfs. */
export const STAGING_FILE = '/etc/torpor/staging.json';
/** In the filesystem of the bank, beside the bank. */
const AREA_FILE = 'torpor-staging';
/** Header, facts, and what grows while the system is measured. */
const SLACK_BYTES = 64 * MIB;
const HEADROOM = 1.25;

const schema = z.strictObject({
  version: z.literal(1),
  /** As disk-name.ts names disks. */
  disk: z.string().min(1),
  extents: z.array(z.strictObject({ start: z.int().min(0), sizeBytes: z.int().min(1) })).min(1),
});

/** Reads where the area is. Null when none was made or its disk is missing. Throws E_STAGING. */
export function readStagingPlace(sys: Sys): StagingPlace | null {
  const text = sys.readTextFile(STAGING_FILE);
  if (text === null) return null;
  const parsed = schema.safeParse(parseJson(text));
  if (!parsed.success) {
    throw new TorporError('E_STAGING', `${STAGING_FILE} is damaged`, {
      facts: { path: STAGING_FILE },
      hint: 'remove the file; the next `torpor snapshot` makes it again',
    });
  }
  const disk = findNamedDisk(sys, parsed.data.disk);
  return disk === null ? null : { device: disk.path, extents: parsed.data.extents };
}

/**
 * A partition or disk of its own as the area. Throws E_DISK_MISSING, E_DISK_IN_USE.
 */
export function stageOnDisk(sys: Sys, image: ImageSys, id: string): StagingPlace {
  return remember(sys, checkStagingDisk(sys, image, id));
}

/** The same without making it this system's area. */
export function checkStagingDisk(sys: Sys, image: ImageSys, id: string): StagingPlace {
  const disk = findDisk(sys, id);
  if (disk === null) {
    throw new TorporError('E_DISK_MISSING', `there is no disk ${id}`, {
      facts: { disk: id },
      hint: 'name a partition by its path or PARTUUID=…',
    });
  }
  const holders = findHolders(sys, disk);
  if (holders.length > 0) {
    throw new TorporError('E_DISK_IN_USE', `${disk.path} is in use: ${holders.join(', ')}`, {
      facts: { disk: id, holders },
      hint: 'the staging area is overwritten whole: name a partition that nothing else uses',
    });
  }
  if (readParkingArea(image, disk.path) !== null) {
    throw new TorporError('E_DISK_IN_USE', `${disk.path} is a parking area`, {
      facts: { disk: id, holders: ['parked OSes'] },
      hint: 'the staging area is overwritten whole: name another partition',
    });
  }
  const device = image.openDirect(disk.path, 'read');
  const sizeBytes = device.sizeBytes - (device.sizeBytes % PAGE_BYTES);
  device.close();
  return { device: disk.path, extents: [{ start: 0, sizeBytes }] };
}

/**
 * A file beside the bank as the area: its pieces of the disk, which stay where they are as long as the
 * file does. Throws E_STAGING_FULL, E_STAGING.
 */
export function stageInFile(sys: Sys, image: ImageSys, bank: MountedDisk, sizeBytes: number): StagingPlace {
  return explainFull(areaPath(bank), alignUp(sizeBytes, MIB), (path, wanted) => {
    const known = readStagingPlace(sys);
    const isLarge = known !== null && known.device === bank.disk.path && sizeOfPlace(known) >= wanted;
    // It moves when it grows: with room to spare it seldom does.
    if (!isLarge) image.preallocate(path, alignUp(wanted * HEADROOM, MIB));
    return findStagingFile(sys, image, bank);
  });
}

/** The same for once: this system goes on with its own place. Throws E_STAGING_FULL, E_STAGING. */
export function makeStagingFile(image: ImageSys, bank: MountedDisk, sizeBytes: number): StagingPlace {
  return explainFull(areaPath(bank), alignUp(sizeBytes, MIB), (path, wanted) => {
    image.preallocate(path, wanted);
    return { device: bank.disk.path, extents: image.fileExtents(path) };
  });
}

/** That file as it lies now; null when there is none. */
export function lookForStagingFile(image: ImageSys, bank: MountedDisk): StagingPlace | null {
  try {
    const extents = image.fileExtents(areaPath(bank));
    return extents.length === 0 ? null : { device: bank.disk.path, extents };
  } catch {
    return null;
  }
}

function explainFull(
  path: string,
  wanted: number,
  action: (path: string, wanted: number) => StagingPlace,
): StagingPlace {
  try {
    return action(path, wanted);
  } catch (cause) {
    if (!(cause instanceof TorporError)) throw cause;
    const isFull = cause.facts.errno === 'ENOSPC';
    throw new TorporError(
      isFull ? 'E_STAGING_FULL' : 'E_STAGING',
      isFull
        ? `the filesystem of the bank has no room for a staging area of ${formatSize(wanted)}`
        : `${path} cannot be a staging area: ${cause.message}`,
      {
        facts: { path, sizeBytes: wanted, cause: cause.message },
        hint: isFull
          ? 'make room there, or name a partition with --staging'
          : 'use ext4 or xfs for the bank, or name a partition with --staging',
        cause,
      },
    );
  }
}

/** The area in its file as it lies now: a system that comes back remembers it as it lay once. */
export function findStagingFile(sys: Sys, image: ImageSys, bank: MountedDisk): StagingPlace {
  return remember(sys, { device: bank.disk.path, extents: image.fileExtents(areaPath(bank)) });
}

function areaPath({ mountPoint }: MountedDisk): string {
  return `${mountPoint}/${AREA_FILE}`;
}

export function sizeOfPlace({ extents }: StagingPlace): number {
  return extents.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** Bytes that a snapshot of this system can need: half of its memory, and what its disks hold. */
export function estimateStaging(sys: Sys, usedDiskBytes: number): number {
  const kib = Number(/^MemTotal:\s+(\d+) kB/m.exec(sys.readTextFile('/proc/meminfo') ?? '')?.[1] ?? 0);
  return alignUp((kib * 1024) / 2 + usedDiskBytes + SLACK_BYTES, MIB);
}

function remember(sys: Sys, place: StagingPlace): StagingPlace {
  const disk = findDisk(sys, place.device);
  const name = disk === null ? `dev:${place.device.slice('/dev/'.length)}` : nameDisk(sys, disk);
  const text = `${JSON.stringify({ version: 1, disk: name, extents: place.extents })}\n`;
  if (sys.readTextFile(STAGING_FILE) === text) return place;
  mkdirSync(dirname(STAGING_FILE), { recursive: true });
  sys.writeTextFile(STAGING_FILE, text);
  return place;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
