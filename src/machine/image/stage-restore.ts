import type { Snapshot } from '../../bank/snapshot.ts';
import { verifySnapshot } from '../../bank/verify.ts';
import { TorporError } from '../../base/errors.ts';
import type { OnProgress } from '../../base/progress.ts';
import { MIB, PAGE_BYTES } from '../../base/units.ts';
import { checkLoader, readLoader } from '../../engine/image/loader.ts';
import { CHUNK_BYTES, type StagingPlace } from '../../engine/image/staging-area.ts';
import type { OwnDisk } from '../../engine/image/take-image.ts';
import { withBank } from '../open-bank.ts';
import { osOf } from '../reference.ts';
import { checkSnapshot, findDisks, requireMemory } from './check-restorable.ts';
import { type ImageSession, newId, ownsDisks, withSharedStaging, withStaging } from './image-session.ts';
import { finishStaged } from './snapshot-image.ts';
import { type PendingRestore, stageSnapshot } from './stage-snapshot.ts';

/** Header, lists and indexes beside the pages. */
const STAGED_OVERHEAD = 1.02;
const STAGED_MARGIN_BYTES = 32 * MIB;

/** A snapshot that is laid out for the kernel that runs, or for the next start. */
export interface StagedRestore extends PendingRestore {
  readonly os: string;
  readonly staging: StagingPlace;
  /** Of this attempt. */
  readonly id: string;
  /** What the snapshot's disks are here. */
  readonly disks: readonly OwnDisk[];
}

export interface StageOptions {
  readonly atBoot: boolean;
  /** This system is to be parked meanwhile: a snapshot of its own disks is refused. */
  readonly keepsThis?: boolean;
  readonly onProgress?: OnProgress | undefined;
}

/**
 * Checks a snapshot and lays it out in a staging area. Throws E_NO_SNAPSHOT, E_OTHER_MACHINE, E_PAGING_MODE,
 * E_IMAGE_MEMORY, E_DISK_MISSING, E_DISK_IN_USE, E_STAGING, E_STAGING_FULL, E_BANK_DAMAGED.
 */
export async function stageRestore(
  session: ImageSession,
  reference: string,
  { atBoot, keepsThis, onProgress }: StageOptions,
): Promise<StagedRestore> {
  const { sys, image, bankPlace } = session;
  await finishStaged(session, onProgress);
  const id = newId();
  return await withBank({ ...bankPlace, write: true }, async (bank) => {
    const snapshot = bank.find(reference);
    const kernel = checkSnapshot(sys, snapshot);
    const disks = findDisks(sys, snapshot);
    const isOwn = ownsDisks(session, disks);
    if (isOwn && keepsThis === true) throw ownDisksRefused(snapshot.reference);
    const place = isOwn ? session : stageForOther(session, snapshot, atBoot);
    const loader = readLoader(sys);
    if (!atBoot) checkLoader(kernel, loader);
    await verifySnapshot(bank, snapshot, onProgress === undefined ? {} : { onProgress });
    // The kernel that will load it at the next start is not known.
    const dialect = atBoot ? 'plain' : loader.dialect;
    return await withStaging(place, async (area) => {
      const staged = { bank, snapshot, kernel, id, dialect, buffer: image.allocateLarge(CHUNK_BYTES) };
      const { pages, ...pending } = await stageSnapshot(area, staged, onProgress);
      try {
        if (!atBoot) requireMemory(pages, readLoader(sys), snapshot.reference);
      } catch (error) {
        area.discard();
        throw error;
      }
      return { ...pending, os: osOf(snapshot), staging: place.staging, id, disks };
    });
  });
}

/** After an attempt that came to nothing. One that has begun has to be completed at the next start. */
export function discardWaiting(session: ImageSession, { staging }: StagedRestore): void {
  withStaging({ ...session, staging }, (area) => {
    if (area.readHeader()?.state === 'pending') area.discard();
  });
}

/** What is parked must find its disks as they were. */
export function ownDisksRefused(reference: string): TorporError {
  return new TorporError('E_DISK_IN_USE', `${reference} has disks of the system that runs`, {
    facts: { reference },
    hint: `\`torpor restore ${reference}\` replaces this system by it`,
  });
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
    Math.ceil((stored + zero) * PAGE_BYTES * STAGED_OVERHEAD) + STAGED_MARGIN_BYTES,
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
