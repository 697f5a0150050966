import type { OnProgress } from '../../base/progress.ts';
import { alignUp, PAGE_BYTES } from '../../base/units.ts';
import type { ImageSys, SnapshotDevice } from '../../sys/image-sys.ts';
import { DiskCopies } from './disk-copies.ts';
import { freezeGuarded } from './guarded-freeze.ts';
import { unmountGuarded } from './guarded-unmount.ts';
import { rehearseWriting, SectionWriter } from './section-writer.ts';
import { StageTimes } from './stage-times.ts';
import { CHUNK_BYTES, StagingArea, type StagingPlace } from './staging-area.ts';
import { FIRST_SECTION_PAGE, SEED_BYTES, type Section } from './staging-layout.ts';

/** A disk or partition that belongs to this system. */
export interface OwnDisk {
  /** Its name in the snapshot. */
  readonly name: string;
  readonly path: string;
}

/** A filesystem as it is mounted. */
export interface MountedPlace {
  readonly source: string;
  readonly mountPoint: string;
  readonly type: string;
  /** Of mount(8). */
  readonly options: string;
}

export interface TakePlan {
  readonly staging: StagingPlace;
  /** Not mounted while the image is made: what comes back must not remember the bank's filesystem as it was. */
  readonly bank: MountedPlace;
  readonly id: string;
  readonly createdMs: number;
  /** `OS@TAG` */
  readonly reference: string;
  /** Mount points of filesystems on disks that can be written, in the order of mounting. */
  readonly filesystems: readonly string[];
  readonly disks: readonly OwnDisk[];
  /** Compare all copies with the disks before the system goes on: the pause is as long as that takes. */
  readonly isChecked?: boolean;
  /** What the bank will be told of this system: JSON, kept as it is. */
  readonly facts: string;
}

/** The stages in their order. In the first one everything still runs. */
export type TakeStage =
  | 'ahead'
  | 'freeze'
  | 'filesystems'
  | 'image'
  | 'stream'
  | 'disks'
  | 'check'
  | 'complete'
  | 'thaw';

export interface TakeResult {
  /** `restored`: this system has come back from that image. */
  readonly outcome: 'taken' | 'restored';
  readonly stagesMs: Readonly<Partial<Record<TakeStage, number>>>;
  /** From the first frozen program to the last that runs again; of the side that it is said on. */
  readonly pausedMs: number;
  readonly imageBytes: number;
  /** Of disks, and how much of that was copied while all stood still. */
  readonly diskBytes: number;
  readonly pausedDiskBytes: number;
  /** Why no disk was copied before; null when that was done. */
  readonly notAhead: string | null;
}

/**
 * Copies the disks to the staging area while all programs run, then freezes this system, makes its image, writes it and
 * what has changed on the disks, and goes on. What fails leaves the area without a whole header and the system running.
 * Throws E_SYSCALL, E_STAGING_FULL, E_USAGE of ImageSys.runAlone.
 */
export function takeImage(sys: ImageSys, plan: TakePlan, onProgress?: OnProgress): TakeResult {
  const area = new StagingArea(sys, plan.staging);
  const buffer = sys.allocateLarge(CHUNK_BYTES);
  const copies = new DiskCopies(sys, area, plan.disks, buffer);
  const stages = new StageTimes<TakeStage>();
  try {
    area.discard();
    const notAhead = stages.run('ahead', () => copies.copyAhead(plan.filesystems, onProgress));
    return sys.runAlone(() => {
      const mountBank = unmountGuarded(sys, plan.bank);
      try {
        return { ...freezeAndTake(sys, plan, { area, buffer, copies, stages }), notAhead };
      } finally {
        mountBank();
      }
    });
  } finally {
    copies.close();
    area.close();
  }
}

interface TakeTools {
  readonly area: StagingArea;
  readonly buffer: Uint8Array;
  readonly copies: DiskCopies;
  readonly stages: StageTimes<TakeStage>;
}

type Saved = Pick<TakeResult, 'imageBytes' | 'diskBytes' | 'pausedDiskBytes'>;

/** Of disks that are copied but for what changes. */
function freezeAndTake(sys: ImageSys, plan: TakePlan, tools: TakeTools): Omit<TakeResult, 'notAhead'> {
  const { area, buffer, copies, stages } = tools;
  // Otherwise the image has once more what is on the disks, and the kernel takes it back while all stands still.
  sys.dropCaches();
  copies.rehearse();
  rehearseWriting(area, copies.nextPage, buffer);
  sys.lockMemory();
  const snapshot = sys.openSnapshotDevice('take');
  let outcome: TakeResult['outcome'] = 'taken';
  let saved: Saved = { imageBytes: 0, diskBytes: 0, pausedDiskBytes: 0 };
  const startMs = performance.now();
  try {
    stages.run('freeze', () => snapshot.freeze());
    const thaw = stages.run('filesystems', () => freezeGuarded(sys, plan.filesystems));
    try {
      copies.settle();
      outcome = stages.run('image', () => snapshot.createImage());
      if (outcome === 'taken') {
        try {
          saved = saveAll(snapshot, plan, tools);
        } finally {
          // Thawing does nothing while there is an image.
          snapshot.free();
        }
      } else {
        sys.logLine(`this system is back from ${plan.reference}`);
        // SAFETY: what the cache has of this disk is from before; the bank and its filesystem have changed since.
        area.dropCache();
        stages.forget(['ahead', 'image']);
      }
    } finally {
      stages.run('thaw', thaw);
    }
  } finally {
    stages.run('thaw', () => {
      snapshot.thaw();
      snapshot.close();
    });
  }
  return { outcome, stagesMs: stages.ms, pausedMs: performance.now() - startMs, ...saved };
}

/** The image, what is left of the disks, the facts, and the header that makes them whole. */
function saveAll(
  snapshot: SnapshotDevice,
  { id, createdMs, reference, facts, isChecked = false }: TakePlan,
  { area, buffer, copies, stages }: TakeTools,
): Saved {
  const image = stages.run('stream', () =>
    saveStream(snapshot, area, buffer, { firstPage: copies.nextPage, isChecked: false }),
  );
  const { sections: disks, copiedBytes } = stages.run('disks', () =>
    copies.complete(image.firstPage + image.dataPages),
  );
  if (isChecked) stages.run('check', () => copies.compare());
  stages.run('complete', () => {
    const sections = [image, ...disks, saveFacts(facts, area, copies.nextPage, buffer)];
    const rest = { generation: 0, seed: new Uint8Array(SEED_BYTES) };
    area.writeHeader({ state: 'taken', id, createdMs, reference, sections, ...rest });
  });
  const bytesOf = (pages: number): number => pages * PAGE_BYTES;
  return {
    imageBytes: bytesOf(image.dataPages),
    diskBytes: bytesOf(disks.reduce((sum, { dataPages }) => sum + dataPages, 0)),
    pausedDiskBytes: copiedBytes,
  };
}

/** Reads the kernel's image to its end, into the area. Nobody compares a checksum of what goes into the bank right away. */
export function saveStream(
  snapshot: SnapshotDevice,
  area: StagingArea,
  buffer: Uint8Array,
  { firstPage = FIRST_SECTION_PAGE, isChecked = true } = {},
): Section {
  const pages = snapshot.imageBytes() / PAGE_BYTES;
  area.requireRoom(firstPage, pages);
  const writer = new SectionWriter(area, firstPage, { isChecked });
  const halves = [buffer.subarray(0, CHUNK_BYTES / 2), buffer.subarray(CHUNK_BYTES / 2)] as const;
  let finish = (): void => {};
  try {
    // One half is written while the other one is filled.
    for (let turn: 0 | 1 = 0; ; turn = turn === 0 ? 1 : 0) {
      const count = snapshot.read(halves[turn]);
      finish();
      if (count === 0) break;
      finish = writer.beginAppend(halves[turn].subarray(0, count));
    }
  } finally {
    finish();
  }
  return writer.finish({ kind: 'image', name: '', sizeBytes: pages * PAGE_BYTES }, null, buffer);
}

export function saveFacts(facts: string, area: StagingArea, firstPage: number, buffer: Uint8Array): Section {
  const writer = new SectionWriter(area, firstPage);
  const text = Buffer.from(facts);
  if (text.length > CHUNK_BYTES) throw new Error('facts that are too long');
  buffer.fill(0);
  buffer.set(text);
  writer.append(buffer.subarray(0, alignUp(text.length, PAGE_BYTES)));
  return writer.finish({ kind: 'facts', name: '', sizeBytes: text.length }, null, buffer);
}
