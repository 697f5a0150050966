import { TorporError } from '../../base/errors.ts';
import { checkLoader, readLoader } from '../../engine/image/loader.ts';
import { restoreImage } from '../../engine/image/restore-image.ts';
import { readStagedHeader } from '../../engine/image/section-reader.ts';
import { StagingArea, type StagingPlace } from '../../engine/image/staging-area.ts';
import type { StagingHeader } from '../../engine/image/staging-layout.ts';
import type { OwnDisk } from '../../engine/image/take-image.ts';
import type { ImageSys } from '../../sys/image-sys.ts';
import type { Sys } from '../../sys/sys.ts';
import { findNamedDisk } from './disk-name.ts';
import { explainImageFailure, markLog } from './explain.ts';
import { readStagingPlace } from './staging-place.ts';

/** Why the machine goes on with its start. */
export type PendingOutcome =
  | { readonly outcome: 'none' }
  /** Not wanted, or refused by this kernel: it will not be tried again. */
  | { readonly outcome: 'discarded'; readonly reference: string; readonly error: TorporError | null };

/**
 * Performs a restore that waits in the staging area; to be called at the start of the machine, before
 * any filesystem on a disk is mounted. Does not return when it succeeds. Throws E_RESTORE_UNFINISHED
 * when disks are not whole: then nothing may be started from them.
 */
export function restorePending(sys: Sys, image: ImageSys): PendingOutcome {
  const place = readStagingPlace(sys);
  if (place === null) return { outcome: 'none' };
  const header = readHeader(image, place);
  if (header === null || header.state === 'taken' || header.state === 'parked') return { outcome: 'none' };
  const { reference } = header;
  const isBegun = header.state === 'begun';
  const isUnwanted = /(^|\s)torpor\.restore=no(\s|$)/.test(sys.readTextFile('/proc/cmdline') ?? '');
  try {
    if (!isUnwanted || isBegun) performPending(sys, image, place, header);
  } catch (error) {
    if (!(error instanceof TorporError) || error.code === 'E_RESTORE_UNFINISHED') throw error;
    if (isBegun) {
      throw new TorporError(
        'E_RESTORE_UNFINISHED',
        `the restore of ${reference} cannot be completed: ${error.message}`,
        {
          facts: { reference, cause: error.code },
          ...(error.hint === undefined ? {} : { hint: error.hint }),
          cause: error,
        },
      );
    }
    discard(image, place);
    return { outcome: 'discarded', reference, error };
  }
  discard(image, place);
  return { outcome: 'discarded', reference, error: null };
}

function performPending(sys: Sys, image: ImageSys, place: StagingPlace, header: StagingHeader): void {
  const disks = header.sections.flatMap(({ kind, name }): OwnDisk[] => {
    const disk = kind === 'disk' ? findNamedDisk(sys, name) : null;
    return disk === null ? [] : [{ name, path: disk.path }];
  });
  withArea(image, place, (area) => {
    const section = header.sections.find(({ kind }) => kind === 'image');
    if (section !== undefined) checkLoader(readStagedHeader(area, section).kernel, readLoader(sys));
  });
  const mark = markLog(sys, header.id);
  try {
    restoreImage(image, { staging: place, id: header.id, filesystems: [], disks });
  } catch (error) {
    throw explainImageFailure(sys, error, mark);
  }
}

function readHeader(image: ImageSys, place: StagingPlace): StagingHeader | null {
  return withArea(image, place, (area) => area.readHeader());
}

function discard(image: ImageSys, place: StagingPlace): void {
  withArea(image, place, (area) => area.discard());
}

function withArea<T>(image: ImageSys, place: StagingPlace, action: (area: StagingArea) => T): T {
  const area = new StagingArea(image, place);
  try {
    return action(area);
  } finally {
    area.close();
  }
}
