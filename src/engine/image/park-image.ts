import type { ImageSys, SnapshotDevice } from '../../sys/image-sys.ts';
import { freezeGuarded } from './guarded-freeze.ts';
import { type RestoreImagePlan, restoreImage, verifyStaged } from './restore-image.ts';
import { rehearseWriting } from './section-writer.ts';
import { StageTimes } from './stage-times.ts';
import { CHUNK_BYTES, StagingArea, type StagingPlace } from './staging-area.ts';
import { FIRST_SECTION_PAGE, SEED_BYTES } from './staging-layout.ts';
import { saveFacts, saveStream } from './take-image.ts';
import { checkFences, type FencedDisk, readFenceOf, type WatchedDisk } from './watched-disks.ts';

/** What happens when the image is whole. */
export type AfterPark =
  /** Another system goes on from its image. */
  | {
      readonly kind: 'resume';
      readonly os: string;
      readonly image: RestoreImagePlan;
      readonly disks: readonly FencedDisk[];
    }
  /** The machine is turned off or started anew. */
  | { readonly kind: 'off' | 'restart' };

export interface ParkPlan {
  /** This system's slot of the parking area. */
  readonly staging: StagingPlace;
  readonly id: string;
  readonly createdMs: number;
  /** The name of this OS. */
  readonly reference: string;
  /** Mount points of filesystems on disks that can be written, in the order of mounting. */
  readonly filesystems: readonly string[];
  /** Every disk that this system has mounted: they stay as they are until it goes on. */
  readonly disks: readonly WatchedDisk[];
  /** What is said of this system beside its disks: a JSON object. */
  readonly facts: object;
  readonly after: AfterPark;
  /**
   * Runs `action` while all programs are held (machine/hold-programs.ts): the kernel lets its own tasks go between the
   * two openings of /dev/snapshot. `action` gets what it is to say of that: more facts, and what took how long, by name.
   */
  atRest<T>(action: (facts: object, restMs: Readonly<Record<string, number>>) => T): T;
}

type ParkStage = 'freeze' | 'filesystems' | 'image' | 'stream' | 'complete' | 'thaw';

/** Said by the system that has come back; what parked it does not return. */
export interface ParkResult {
  readonly outcome: 'resumed';
  /** Of this side, since it came back. */
  readonly stagesMs: Readonly<Partial<Record<ParkStage, number>>>;
}

/**
 * Parks this system: makes all ready while programs still run, freezes it, makes its image, writes it to its slot, and
 * leaves the machine to another system without running again. Returns when this system has come back. What fails
 * leaves the slot empty and this system running. Throws E_SYSCALL, E_STAGING_FULL, E_DISK_CHANGED, E_USAGE of
 * ImageSys.runAlone and what `atRest` and restoreImage() throw.
 */
export function parkImage(sys: ImageSys, plan: ParkPlan): ParkResult {
  return sys.runAlone(() => parkAlone(sys, plan));
}

function parkAlone(sys: ImageSys, plan: ParkPlan): ParkResult {
  const area = new StagingArea(sys, plan.staging);
  const buffer = sys.allocateLarge(CHUNK_BYTES);
  if (plan.after.kind === 'resume') verifyStaged(sys, plan.after.image, buffer);
  area.discard();
  rehearse(sys, plan, area, buffer);
  // Otherwise the image has once more what is on the disks.
  sys.dropCaches();
  sys.lockMemory();
  const result = plan.atRest((facts, restMs) =>
    parkAtRest(sys, { ...plan, facts: { ...plan.facts, ...facts } }, { area, buffer, restMs }),
  );
  area.close();
  return result;
}

interface ParkTools {
  readonly area: StagingArea;
  readonly buffer: Uint8Array;
  readonly restMs: Readonly<Record<string, number>>;
}

function parkAtRest(sys: ImageSys, plan: ParkPlan, tools: ParkTools): ParkResult {
  const { area } = tools;
  const stages = new StageTimes<ParkStage>();
  const snapshot = openClosable(sys);
  try {
    stages.run('freeze', () => snapshot.freeze());
    const thaw = stages.run('filesystems', () => freezeGuarded(sys, plan.filesystems));
    try {
      if (stages.run('image', () => snapshot.createImage()) === 'taken') {
        try {
          store(sys, plan, tools, snapshot, stages);
        } finally {
          // Nothing is thawed while there is an image.
          snapshot.free();
        }
        leave(sys, plan, snapshot);
      }
      sys.logLine(`“${plan.reference}” goes on`);
      stages.forget(['freeze', 'filesystems', 'image']);
    } finally {
      // SAFETY: before its filesystems can be written to again this system is parked no longer.
      discardQuietly(area);
      stages.run('thaw', thaw);
    }
  } finally {
    stages.run('thaw', () => snapshot.release());
  }
  return { outcome: 'resumed', stagesMs: stages.ms };
}

/** Writes stream, disks' fences and facts. The area is whole with its last write. */
function store(
  sys: ImageSys,
  plan: ParkPlan,
  { area, buffer, restMs }: ParkTools,
  snapshot: SnapshotDevice,
  stages: StageTimes<ParkStage>,
): void {
  const image = stages.run('stream', () => saveStream(snapshot, area, buffer));
  stages.run('complete', () => {
    const disks = plan.disks.map((disk) => ({ name: disk.name, fence: readFenceOf(sys, disk) }));
    const facts = saveFacts(
      JSON.stringify({ ...plan.facts, disks, stagesMs: { ...restMs, ...stages.ms } }),
      area,
      image.firstPage + image.dataPages,
      buffer,
    );
    const { id, createdMs, reference } = plan;
    const rest = { generation: 0, seed: new Uint8Array(SEED_BYTES) };
    area.writeHeader({ state: 'parked', id, createdMs, reference, sections: [image, facts], ...rest });
  });
}

/** Hands the machine on. Returns only by throwing. */
function leave(sys: ImageSys, { after, reference }: ParkPlan, snapshot: SnapshotDevice): never {
  if (after.kind !== 'resume') {
    sys.endMachine(after.kind);
    throw new Error('the machine goes on');
  }
  sys.logLine(`“${reference}” is parked; ${after.os} goes on`);
  // The kernel has one image at a time. Programs are held, filesystems frozen.
  snapshot.close();
  checkFences(sys, after.os, after.disks);
  return restoreImage(sys, { ...after.image, isVerified: true });
}

/** A device that is not used any more once it is closed: its number may be another file's. */
function openClosable(sys: ImageSys): SnapshotDevice & { release(): void } {
  const device = sys.openSnapshotDevice('take');
  let isOpen = true;
  const close = (): void => {
    isOpen = false;
    device.close();
  };
  return {
    ...device,
    close,
    release() {
      if (!isOpen) return;
      device.thaw();
      close();
    },
  };
}

/** Does once what will be done while everything is frozen, so that the code for it is there. */
function rehearse(sys: ImageSys, { disks }: ParkPlan, area: StagingArea, buffer: Uint8Array): void {
  rehearseWriting(area, FIRST_SECTION_PAGE, buffer);
  for (const disk of disks) if (disk.kind !== 'whole') readFenceOf(sys, disk);
}

/** What cannot be discarded is stale all the same: the thaw changes the disks. */
function discardQuietly(area: StagingArea): void {
  try {
    area.discard();
  } catch {
    // See above.
  }
}
