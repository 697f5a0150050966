import { TorporError } from '../../base/errors.ts';
import { readLoader } from '../../engine/image/loader.ts';
import { type ParkingArea, slotPlace } from '../../engine/image/parking-area.ts';
import { restoreImage } from '../../engine/image/restore-image.ts';
import type { ImageSys } from '../../sys/image-sys.ts';
import type { Sys } from '../../sys/sys.ts';
import { explainImageFailure, markLog } from '../image/explain.ts';
import { openParking, readParkingSettings } from './parking-place.ts';
import { planResume, requireResumable } from './plan-resume.ts';
import { dropSlot, listParked, type ParkedOs } from './slots.ts';

/** Why the machine goes on with its start. */
export type ResumeOutcome =
  | { readonly outcome: 'none' }
  /** Not wanted, or of no use any more. */
  | { readonly outcome: 'dropped'; readonly os: string; readonly error: TorporError | null }
  /** It could not go on now: another start can try it, unless this one changes its disks. */
  | { readonly outcome: 'kept'; readonly os: string; readonly error: TorporError };

/**
 * Brings this OS back when it is parked; to be called at the start of the machine, before any of its
 * filesystems is mounted. Does not return when it succeeds. Throws what openParking() throws.
 */
export function resumeAtBoot(sys: Sys, image: ImageSys): ResumeOutcome {
  if (readParkingSettings(sys) === null) return { outcome: 'none' };
  const { settings, area } = openParking(sys, image);
  const parked = listParked(image, area).find(({ os }) => os === settings.os);
  if (parked === undefined) return { outcome: 'none' };
  const { os } = parked;
  if (/(^|\s)torpor\.restore=no(\s|$)/.test(sys.readTextFile('/proc/cmdline') ?? '')) {
    dropSlot(image, area, parked.slot);
    return { outcome: 'dropped', os, error: null };
  }
  const error = tryResume(sys, image, area, parked);
  if (error.code !== 'E_DISK_CHANGED') return { outcome: 'kept', os, error };
  dropSlot(image, area, parked.slot);
  return { outcome: 'dropped', os, error };
}

/** Returns why it did not succeed. */
function tryResume(sys: Sys, image: ImageSys, area: ParkingArea, parked: ParkedOs): TorporError {
  const mark = markLog(sys, parked.id);
  try {
    requireResumable(planResume(sys, image, area, parked));
    const staging = slotPlace(area, parked.slot);
    const { dialect } = readLoader(sys);
    restoreImage(image, { staging, id: parked.id, filesystems: [], disks: [], dialect });
  } catch (cause) {
    const error = explainImageFailure(sys, cause, mark);
    if (error instanceof TorporError) return error;
    throw error;
  }
  throw new Error('a restore that returns');
}
