import { randomBytes } from 'node:crypto';
import { statfsSync } from 'node:fs';
import { TorporError } from '../../base/errors.ts';
import { StagingArea, type StagingPlace } from '../../engine/image/staging-area.ts';
import type { MountedPlace, OwnDisk } from '../../engine/image/take-image.ts';
import type { ImageSys } from '../../sys/image-sys.ts';
import type { Sys } from '../../sys/sys.ts';
import { type BankPlace, completeBankPlace } from '../bank-place.ts';
import { type OwnSystem, readOwnSystem, requireSnapshotDevice } from './own-system.ts';
import {
  estimateStaging,
  findStagingFile,
  lookForStagingFile,
  makeStagingFile,
  readStagingPlace,
  stageInFile,
  stageOnDisk,
} from './staging-place.ts';

/** What a snapshot and a restore of the running system work with. */
export interface ImageSession {
  readonly sys: Sys;
  readonly image: ImageSys;
  readonly bankPlace: BankPlace;
  readonly own: OwnSystem;
  readonly staging: StagingPlace;
}

export interface ImageOptions extends BankPlace {
  /** A partition or disk for the staging area; default: a file beside the bank. */
  readonly staging?: string | undefined;
  /** Bytes of that file; default: what this system can need. */
  readonly stagingBytes?: number | undefined;
}

/** Checks and finds everything. Throws E_NO_SNAPSHOT_DEVICE, E_BANK_PLACE, E_SWAP_IN_USE, E_STAGING…, E_DISK_…. */
export function openImageSession(sys: Sys, image: ImageSys, options: ImageOptions): ImageSession {
  requireSnapshotDevice(sys);
  const { directory } = completeBankPlace(options);
  const own = readOwnSystem(sys, directory!);
  return { sys, image, bankPlace: options, own, staging: chooseStaging(sys, image, own, options) };
}

/** What holds an image stays where it is, whatever is wanted now. */
function chooseStaging(sys: Sys, image: ImageSys, own: OwnSystem, options: ImageOptions): StagingPlace {
  const known = readStagingPlace(sys);
  if (known !== null && holdsImage(image, known)) return known;
  if (options.staging !== undefined) return stageOnDisk(sys, image, options.staging);
  const isFile = known === null || known.device === own.bank.disk.path || options.stagingBytes !== undefined;
  if (!isFile) return known;
  const sizeBytes = options.stagingBytes ?? estimateStaging(sys, usedDiskBytes(own));
  return stageInFile(sys, image, own.bank, sizeBytes);
}

function holdsImage(image: ImageSys, place: StagingPlace): boolean {
  const area = new StagingArea(image, place);
  try {
    return area.readHeader() !== null;
  } finally {
    area.close();
  }
}

/** Does this system have any of these disks? Otherwise they are another OS's. */
export function ownsDisks({ own }: ImageSession, disks: readonly OwnDisk[]): boolean {
  return disks.some(({ path }) => own.disks.some((disk) => disk.path === path));
}

/**
 * The session for a restore of another OS: where that one stages is not known here, but both have the bank, so
 * a file beside it is where it looks when it has come back. Throws E_STAGING_FULL, E_STAGING.
 */
export function withSharedStaging(session: ImageSession, sizeBytes: number): ImageSession {
  const { image, own, staging } = session;
  if (staging.device === own.bank.disk.path) return session;
  return { ...session, staging: makeStagingFile(image, own.bank, sizeBytes) };
}

/** Where what has come back may have been staged, its own place first. */
export function arrivalPlaces(session: ImageSession): StagingPlace[] {
  const { sys, image, own, staging } = session;
  if (staging.device === own.bank.disk.path) return [findStagingFile(sys, image, own.bank)];
  const shared = lookForStagingFile(image, own.bank);
  return shared === null ? [staging] : [staging, shared];
}

export function withStaging<T>(session: ImageSession, action: (area: StagingArea) => T): T {
  const area = new StagingArea(session.image, session.staging);
  let isLater = false;
  try {
    const result = action(area);
    if (result instanceof Promise) {
      isLater = true;
      return result.finally(() => area.close()) as T;
    }
    return result;
  } finally {
    if (!isLater) area.close();
  }
}

/**
 * Runs `action` while the filesystem of the bank is not mounted: what comes back from an image must not
 * remember it as it was. Throws E_BANK_BUSY.
 */
export function withoutBank<T>({ image, own }: ImageSession, action: () => T): T {
  const { source, mountPoint, type, options } = bankMount(own);
  try {
    image.unmount(mountPoint);
  } catch (cause) {
    throw explainBusyBank(own, cause);
  }
  try {
    return action();
  } finally {
    image.mount(source, mountPoint, type, options);
  }
}

/** How the bank's filesystem is mounted again. */
export function bankMount({ bank }: OwnSystem): MountedPlace {
  const { source, mountPoint, type, options } = bank;
  return { source, mountPoint, type, options: options === '' ? 'defaults' : options };
}

/** E_BANK_BUSY for a filesystem of the bank that could not be unmounted; anything else as it is. */
export function explainBusyBank({ bank: { mountPoint } }: OwnSystem, cause: unknown): unknown {
  const isBusy =
    cause instanceof TorporError && cause.facts.errno === 'EBUSY' && cause.facts.call === 'umount';
  if (!isBusy) return cause;
  return new TorporError('E_BANK_BUSY', `${mountPoint} cannot be unmounted while the system stands still`, {
    facts: { place: mountPoint },
    hint: `end what uses it: \`fuser -vm ${mountPoint}\``,
    cause,
  });
}

export function newId(): string {
  return randomBytes(16).toString('hex');
}

/** Bytes that its filesystems hold. */
export function usedDiskBytes({ filesystems }: OwnSystem): number {
  return filesystems.reduce((sum, { mountPoint }) => {
    const { blocks, bfree, bsize } = statfsSync(mountPoint);
    return sum + (blocks - bfree) * bsize;
  }, 0);
}
