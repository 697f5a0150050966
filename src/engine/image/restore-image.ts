import { TorporError } from '../../base/errors.ts';
import { formatSize, MIB, PAGE_BYTES } from '../../base/units.ts';
import type { BlockDevice } from '../../sys/block-device.ts';
import type { ImageSys } from '../../sys/image-sys.ts';
import { freezeFilesystems } from '../freeze-filesystems.ts';
import { loadImage } from './load-image.ts';
import type { PageRuns } from './page-runs.ts';
import type { Dialect } from './pfn-list.ts';
import { checkSection, readStagedIndex, visitSection } from './section-reader.ts';
import { CHUNK_BYTES, CHUNK_PAGES, StagingArea, type StagingPlace } from './staging-area.ts';
import type { Section, StagingHeader } from './staging-layout.ts';
import type { OwnDisk } from './take-image.ts';

/** What the kernel allocates for the jump itself, and for its devices while they stop; without any help then. */
const JUMP_BYTES = 16 * MIB;

export interface RestoreImagePlan {
  readonly staging: StagingPlace;
  /** Of what is staged: another content of the area is refused. */
  readonly id: string;
  /** Mount points of this system's filesystems on disks; they are frozen for good. */
  readonly filesystems: readonly string[];
  /** What the snapshot's disks are here. */
  readonly disks: readonly OwnDisk[];
  /** What this kernel reads; null: the image was laid out for it. */
  readonly dialect?: Dialect | null;
  /** verifyStaged() was called, and nothing has written to the area since. */
  readonly isVerified?: boolean;
}

/** Compares all that is staged with its checksums, while everything runs. Throws E_STAGING. */
export function verifyStaged(sys: ImageSys, plan: RestoreImagePlan, buffer: Uint8Array): void {
  const area = new StagingArea(sys, plan.staging, 'read');
  try {
    for (const section of readWanted(area, plan).sections)
      checkSection(area, section, visitSection(area, section, buffer));
  } finally {
    area.close();
  }
}

/**
 * Replaces this system by the one in the staging area: hands the image to the kernel, writes the disks,
 * and jumps. Returns only by throwing; the system that comes back returns from takeImage(). Until the
 * first disk is written this system is as it was. The kernel log says what is done, for whoever looks at the
 * console or into the memory of one that does not come back. Throws E_STAGING, E_SYSCALL, E_DISK_MISSING,
 * E_IMAGE_MEMORY, and E_RESTORE_UNFINISHED when disks were written: then the machine has to be started
 * again, and the restore is repeated before anything is mounted.
 */
export function restoreImage(sys: ImageSys, plan: RestoreImagePlan): never {
  return sys.runAlone(() => restoreAlone(sys, plan));
}

function restoreAlone(sys: ImageSys, plan: RestoreImagePlan): never {
  const { isVerified = false, dialect = null } = plan;
  const area = new StagingArea(sys, plan.staging);
  const header = readWanted(area, plan);
  const buffer = sys.allocateLarge(CHUNK_BYTES);
  const image = header.sections.find(({ kind }) => kind === 'image');
  if (image === undefined) throw new Error('a staging area without an image');
  const disks = header.sections
    .filter(({ kind }) => kind === 'disk')
    .map((section) => {
      if (!isVerified) checkSection(area, section, visitSection(area, section, buffer));
      return { section, device: openDisk(sys, plan.disks, section), runs: readStagedIndex(area, section) };
    });
  const log = (what: string): void => sys.logLine(`restore of ${header.reference}: ${what}`);
  sys.lockMemory();
  // The kernel takes memory for the image without waiting for any (prepare_image(), GFP_ATOMIC).
  sys.dropCaches();
  const snapshot = sys.openSnapshotDevice('restore');
  let isChanged = header.state === 'begun';
  try {
    log(`loading ${formatSize(image.dataPages * PAGE_BYTES)}`);
    loadImage(snapshot, area, image, buffer, { dialect, isVerified });
    requireMemory(sys, header.reference);
    log('freezing this system');
    snapshot.freeze();
    const thaw = freezeFilesystems(sys, plan.filesystems);
    try {
      // SAFETY: every program is frozen and every filesystem here is, so nobody else writes to these disks;
      // the kernel that has them mounted is gone after the jump.
      isChanged = disks.length > 0;
      if (isChanged) area.markBegun(header);
      for (const disk of disks) {
        log(`writing ${disk.section.name}`);
        writeDisk(area, disk, buffer);
      }
      log('jumping');
      snapshot.atomicRestore();
      throw new Error('the kernel returned from a restore');
    } catch (error) {
      log(`failed: ${String(error)}`);
      // SAFETY: with disks that are another system's this one must not write to them.
      if (!isChanged) thaw();
      throw error;
    }
  } catch (cause) {
    snapshot.close();
    if (!isChanged) throw cause;
    throw new TorporError(
      'E_RESTORE_UNFINISHED',
      `the restore of ${header.reference} stopped after disks were written`,
      {
        facts: { reference: header.reference, cause: String(cause) },
        hint: 'its filesystems stay frozen; restart the machine with `echo b > /proc/sysrq-trigger`: the initramfs completes the restore',
        cause,
      },
    );
  }
}

/** Throws E_STAGING when the area holds something else, or nothing that is whole. */
function readWanted(area: StagingArea, { staging, id }: RestoreImagePlan): StagingHeader {
  const header = area.readHeader();
  if (header !== null && header.state !== 'taken' && header.id === id) return header;
  throw new TorporError('E_STAGING', 'the staging area does not hold what is to be restored', {
    facts: { device: staging.device, found: header?.id ?? null },
    hint: 'repeat `torpor restore`',
  });
}

/** Throws E_IMAGE_MEMORY: without that memory the kernel would refuse the jump when the disks are written. */
function requireMemory(sys: ImageSys, reference: string): void {
  const freeBytes = sys.freeBytes();
  if (freeBytes >= JUMP_BYTES) return;
  throw new TorporError(
    'E_IMAGE_MEMORY',
    `with ${reference} in memory ${formatSize(freeBytes)} are free, and ${formatSize(JUMP_BYTES)} are needed for the jump`,
    {
      facts: { reference, freeBytes, neededBytes: JUMP_BYTES },
      hint: 'end programs, or restore it at the next start with --at-boot',
    },
  );
}

interface StagedDisk {
  readonly section: Section;
  readonly device: BlockDevice;
  readonly runs: PageRuns;
}

/** Writes the pages that differ. Free ones stay as they are: nothing reads them. */
function writeDisk(area: StagingArea, { section, device, runs }: StagedDisk, buffer: Uint8Array): void {
  const staged = buffer.subarray(0, CHUNK_BYTES / 2);
  const found = buffer.subarray(CHUNK_BYTES / 2);
  for (const { start, count, isZero, firstStored } of runs) {
    for (let done = 0; done < count; done += CHUNK_PAGES / 2) {
      const pages = Math.min(CHUNK_PAGES / 2, count - done);
      const wanted = staged.subarray(0, pages * PAGE_BYTES);
      if (isZero) wanted.fill(0);
      else area.read(section.firstPage + firstStored + done, wanted);
      const offset = (start + done) * PAGE_BYTES;
      const there = found.subarray(0, Math.min(wanted.length, device.sizeBytes - offset));
      device.read(offset, there);
      const same = Buffer.compare(there, wanted.subarray(0, there.length)) === 0;
      if (!same) device.write(offset, wanted.subarray(0, there.length));
    }
  }
  device.sync();
}

function openDisk(sys: ImageSys, disks: readonly OwnDisk[], section: Section): BlockDevice {
  const disk = disks.find(({ name }) => name === section.name);
  const missing = (what: string): TorporError =>
    new TorporError('E_DISK_MISSING', `the disk ${section.name} of the snapshot ${what}`, {
      facts: { disk: section.name, sizeBytes: section.sizeBytes },
      hint: 'attach the disk, then repeat the restore',
    });
  if (disk === undefined) throw missing('is not there');
  const device = sys.openDirect(disk.path, 'write');
  if (device.sizeBytes === section.sizeBytes) return device;
  device.close();
  throw missing(`had ${section.sizeBytes} bytes and has ${device.sizeBytes}`);
}
