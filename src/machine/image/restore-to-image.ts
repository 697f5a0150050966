import type { Snapshot } from '../../bank/snapshot.ts';
import { verifySnapshot } from '../../bank/verify.ts';
import { TorporError } from '../../base/errors.ts';
import type { OnProgress } from '../../base/progress.ts';
import { formatSize, MIB, PAGE_BYTES } from '../../base/units.ts';
import type { ImageKernel } from '../../engine/image/image-header.ts';
import { checkLoader, type Loader, readLoader } from '../../engine/image/loader.ts';
import { CHUNK_BYTES } from '../../engine/image/staging-area.ts';
import type { OwnDisk } from '../../engine/image/take-image.ts';
import { readFirmwareMap } from '../../memory/firmware-map.ts';
import type { Sys } from '../../sys/sys.ts';
import { readCpuFacts } from '../cpu-facts.ts';
import { compareMachine, requireNone } from '../fences.ts';
import { withBank } from '../open-bank.ts';
import { askAlone } from './alone.ts';
import { findNamedDisk } from './disk-name.ts';
import { explainImageFailure, markLog } from './explain.ts';
import { imageKernelOf } from './image-facts.ts';
import {
  type ImageSession,
  newId,
  ownsDisks,
  withoutBank,
  withSharedStaging,
  withStaging,
} from './image-session.ts';
import { finishStaged } from './snapshot-image.ts';
import { type PendingRestore, stageSnapshot } from './stage-snapshot.ts';

/** Kept free for the kernel while it loads an image. */
const SPARE_BYTES = 32 * MIB;
/** Lists and indexes beside the pages. */
const STAGED_OVERHEAD = 1.02;

/**
 * Replaces the running system by a snapshot: stages it, then has the kernel do it. Returns only with
 * `atBoot`, when the staged image waits for the next start. Throws E_NO_SNAPSHOT, E_OTHER_MACHINE,
 * E_PAGING_MODE, E_IMAGE_MEMORY, E_DISK_MISSING, E_STAGING_FULL, E_BANK_DAMAGED, E_FREEZE_REFUSED,
 * E_RESTORE_UNFINISHED.
 */
export async function restoreToImage(
  session: ImageSession,
  reference: string,
  options: { readonly atBoot: boolean; readonly onProgress?: OnProgress },
): Promise<PendingRestore> {
  const { sys, image, own, bankPlace } = session;
  await finishStaged(session, options.onProgress);
  let place = session;
  const id = newId();
  let disks: OwnDisk[] = [];
  const pending = await withBank({ ...bankPlace, write: true }, async (bank) => {
    const snapshot = bank.find(reference);
    const kernel = checkSnapshot(sys, snapshot);
    disks = findDisks(sys, snapshot);
    if (!ownsDisks(session, disks)) place = stageForOther(session, snapshot, options.atBoot);
    const loader = readLoader(sys);
    if (!options.atBoot) checkLoader(kernel, loader);
    const { onProgress } = options;
    await verifySnapshot(bank, snapshot, onProgress === undefined ? {} : { onProgress });
    // The kernel that will load it at the next start is not known.
    const dialect = options.atBoot ? 'plain' : loader.dialect;
    return await withStaging(place, async (area) => {
      const staged = { bank, snapshot, kernel, id, dialect, buffer: image.allocatePages(CHUNK_BYTES) };
      const { pages, ...pending } = await stageSnapshot(area, staged, onProgress);
      if (options.atBoot) return pending;
      try {
        requireMemory(pages, readLoader(sys), snapshot.reference);
      } catch (error) {
        area.discard();
        throw error;
      }
      return pending;
    });
  });
  if (options.atBoot) return pending;
  const mark = markLog(sys, id);
  const plan = {
    staging: place.staging,
    id,
    filesystems: own.filesystems.map(({ mountPoint }) => mountPoint),
    disks,
  };
  try {
    withoutBank(session, () => askAlone(image, { kind: 'restore', plan }));
  } catch (error) {
    // One that has begun has to be completed at the next start.
    withStaging(place, (area) => {
      if (area.readHeader()?.state === 'pending') area.discard();
    });
    throw explainImageFailure(sys, error, mark);
  }
  throw new Error('a restore that returns');
}

/** Where another OS looks when it has come back. Throws E_STAGING, E_STAGING_FULL. */
function stageForOther(
  session: ImageSession,
  { description, reference }: Snapshot,
  atBoot: boolean,
): ImageSession {
  const { stored, zero } = description.pages;
  const place = withSharedStaging(
    session,
    Math.ceil((stored + zero) * PAGE_BYTES * STAGED_OVERHEAD) + SPARE_BYTES,
  );
  if (place === session || !atBoot) return place;
  throw new TorporError(
    'E_STAGING',
    `${reference} is of another OS, and the next start looks only at ${session.staging.device}`,
    {
      facts: { reference, device: session.staging.device },
      hint: 'restore it at once, without --at-boot; or go back to a staging area beside the bank: remove /etc/torpor/staging.json, take a snapshot, run boot/install',
    },
  );
}

/** Throws E_OTHER_MACHINE, E_PAGING_MODE. */
export function checkSnapshot(sys: Sys, { description, reference }: Snapshot): ImageKernel {
  const kernel = imageKernelOf(description);
  if (kernel === null) {
    throw new TorporError('E_OTHER_MACHINE', `${reference} is of the resident engine: it needs a slot`, {
      facts: { reference, engine: description.engine },
      hint: 'restore it on a machine with a memory plan (`torpor plan`)',
    });
  }
  const here = { firmware: readFirmwareMap(sys), switchboard: 0, cpu: readCpuFacts(sys) };
  requireNone(compareMachine(description.machine, here), reference);
  return kernel;
}

/** What the snapshot's disks are here. Throws E_DISK_MISSING. */
export function findDisks(sys: Sys, { description, reference }: Snapshot): OwnDisk[] {
  return description.disks.map(({ name, sizeBytes }) => {
    const disk = findNamedDisk(sys, name);
    if (disk !== null) return { name, path: disk.path };
    throw new TorporError('E_DISK_MISSING', `the disk ${name} of ${reference} is not there`, {
      facts: { disk: name, sizeBytes },
      hint: 'attach the disk, then repeat the restore',
    });
  });
}

/** Throws E_IMAGE_MEMORY: the kernel holds the whole image in memory before it puts it in place. */
export function requireMemory(pages: number, loader: Loader, reference: string): void {
  const neededBytes = pages * PAGE_BYTES + SPARE_BYTES;
  if (loader.availableBytes >= neededBytes) return;
  throw new TorporError(
    'E_IMAGE_MEMORY',
    `${reference} needs ${formatSize(neededBytes)} of free memory, and ${formatSize(loader.availableBytes)} are free`,
    {
      facts: { reference, neededBytes, availableBytes: loader.availableBytes },
      hint: 'end programs, or restore it at the next start with --at-boot',
    },
  );
}
