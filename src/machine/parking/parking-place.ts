import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import * as z from 'zod';
import { TorporError } from '../../base/errors.ts';
import { type ParkingArea, readParkingArea } from '../../engine/image/parking-area.ts';
import type { ImageSys } from '../../sys/image-sys.ts';
import type { Sys } from '../../sys/sys.ts';
import { type FoundDisk, findDisk } from '../disks.ts';
import { findNamedDisk, nameDisk } from '../image/disk-name.ts';
import { PARKING_FILE } from '../this-os.ts';

const schema = z.strictObject({
  version: z.literal(1),
  /** As disk-name.ts names disks. */
  disk: z.string().min(1),
  /** What this OS is called in the parking area. */
  os: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/),
  /** Mount points of filesystems that other OSes mount too. */
  shared: z.array(z.string().startsWith('/')),
});

export type ParkingSettings = Omit<z.infer<typeof schema>, 'version'>;

/** Null when this OS knows no parking area. Throws E_PARKING. */
export function readParkingSettings(sys: Sys): ParkingSettings | null {
  const text = sys.readTextFile(PARKING_FILE);
  if (text === null) return null;
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new TorporError('E_PARKING', `${PARKING_FILE} is damaged`, {
    facts: { path: PARKING_FILE },
    hint: '`torpor parking use DISK` writes it again',
  });
}

/** Throws E_USAGE when a name or a path is none. */
export function rememberParking(
  sys: Sys,
  disk: FoundDisk,
  wish: { readonly os: string | null; readonly shared: readonly string[] },
): ParkingSettings {
  const settings = {
    version: 1,
    disk: nameDisk(sys, disk),
    os: wish.os ?? hostname(),
    shared: [...wish.shared],
  };
  const parsed = schema.safeParse(settings);
  if (!parsed.success) {
    throw new TorporError('E_USAGE', `“${settings.os}” or one of the shared filesystems is no name`, {
      facts: { os: settings.os, shared: settings.shared },
      hint: 'names have letters, digits, `_`, `.` and `-`; shared filesystems are given by their mount points',
    });
  }
  mkdirSync(dirname(PARKING_FILE), { recursive: true });
  sys.writeTextFile(PARKING_FILE, `${JSON.stringify(settings)}\n`);
  return parsed.data;
}

/** The area that this OS parks in. Throws E_NO_PARKING, E_PARKING, E_DISK_MISSING. */
export function openParking(sys: Sys, image: ImageSys): { settings: ParkingSettings; area: ParkingArea } {
  const settings = readParkingSettings(sys);
  if (settings === null) {
    throw new TorporError('E_NO_PARKING', 'this OS knows no parking area to switch with', {
      hint: 'without a memory plan OSes park on a partition of its own: `torpor parking init DISK`, or `torpor parking use DISK` where another OS has made it',
    });
  }
  const disk = findNamedDisk(sys, settings.disk);
  if (disk === null) {
    throw new TorporError('E_DISK_MISSING', `the disk ${settings.disk} of the parking area is not there`, {
      facts: { disk: settings.disk },
      hint: 'attach it, or name another one: `torpor parking use DISK`',
    });
  }
  return { settings, area: requireParkingArea(image, disk.path) };
}

/** Throws E_PARKING when the device is no parking area. */
export function requireParkingArea(image: ImageSys, device: string): ParkingArea {
  const area = readParkingArea(image, device);
  if (area !== null) return area;
  throw new TorporError('E_PARKING', `there is no parking area on ${device}`, {
    facts: { device },
    hint: '`torpor parking init DISK` makes one; what is on the disk is gone then',
  });
}

/** Throws E_DISK_MISSING. */
export function requireDisk(sys: Sys, id: string): FoundDisk {
  const disk = findDisk(sys, id);
  if (disk !== null) return disk;
  throw new TorporError('E_DISK_MISSING', `there is no disk ${id}`, {
    facts: { disk: id },
    hint: 'name a disk or partition by its path, its serial number or PARTUUID=…',
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
