import { TorporError } from '../../base/errors.ts';
import { hex } from '../../base/units.ts';
import { readLoader } from '../../engine/image/loader.ts';
import { type AfterPark, type ParkPlan, parkImage } from '../../engine/image/park-image.ts';
import { type ParkingArea, slotPlace } from '../../engine/image/parking-area.ts';
import { tscPerMs } from '../../engine/resident/tsc-clock.ts';
import type { ImageSys } from '../../sys/image-sys.ts';
import type { Sys } from '../../sys/sys.ts';
import { ProgramHold } from '../hold-programs.ts';
import { runHooks } from '../hooks.ts';
import { explainImageFailure, markLog } from '../image/explain.ts';
import { readImageFacts } from '../image/image-facts.ts';
import { newId } from '../image/image-session.ts';
import { withLargeImage } from '../image/large-image.ts';
import type { StagedRestore } from '../image/stage-restore.ts';
import { openParking, type ParkingSettings } from './parking-place.ts';
import { type OwnParkPlan, planPark } from './plan-park.ts';
import { planResume, type ResumePlan, requireResumable } from './plan-resume.ts';
import { withoutShared } from './shared-filesystems.ts';
import { findParked, listParked, type ParkedOs } from './slots.ts';

/** What becomes of the machine when this OS is parked. */
export type ParkWish =
  | { readonly kind: 'resume'; readonly os: string }
  /** OS@TAG of the bank that is mounted there. */
  | { readonly kind: 'restore'; readonly reference: string; readonly bank: string }
  | { readonly kind: 'off' | 'restart' };

/** A park or a switch that was checked whole. */
export interface ParkOsPlan {
  readonly area: ParkingArea;
  readonly own: OwnParkPlan;
  /** The parked OS that goes on; null when none does. */
  readonly target: ResumePlan | null;
  readonly wish: ParkWish;
}

/** What is said when this OS goes on. */
export interface Resumed {
  readonly outcome: 'resumed';
  readonly os: string;
  /** Who had the machine last; null after a start of it. */
  readonly from: string | null;
  /** Wall-clock time since it was parked. */
  readonly awayMs: number;
  /** From the command in the other OS until this one ran, by the time stamp counter; null after a start of the machine. */
  readonly switchMs: number | null;
  /** Of the other OS's parking, then of this one's thawing. */
  readonly stagesMs: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
}

/** Longer ago is another switch. */
const MAX_SWITCH_MS = 3_600_000;

/** Checks everything, changes nothing. Throws what planPark() and openParking() throw, E_OS_RUNNING and E_NOT_PARKED. */
export function planParkOs(sys: Sys, image: ImageSys, wish: ParkWish): ParkOsPlan {
  const { settings, area } = openParking(sys, image);
  if (wish.kind === 'resume' && wish.os === settings.os) {
    throw new TorporError('E_OS_RUNNING', `“${wish.os}” runs now`, {
      facts: { os: wish.os },
      hint: '`torpor status` shows which OSes are parked',
    });
  }
  const parked = wish.kind === 'resume' ? findParked(image, area, wish.os) : null;
  const own = planPark(sys, image, withBankOf(settings, wish), area);
  const target = parked === null ? null : planResume(sys, image, area, parked);
  return { area, own, target, wish };
}

/** A restored OS finds its bank as it is on the disk, so nobody else may have it mounted. */
function withBankOf(settings: ParkingSettings, wish: ParkWish): ParkingSettings {
  return wish.kind === 'restore' ? { ...settings, shared: [...settings.shared, wish.bank] } : settings;
}

/**
 * Parks this OS as planned, with its hooks. Returns when somebody has switched back to it, maybe after a start
 * of the machine. `staged` is the snapshot of a wish to restore one.
 */
export function parkOs(sys: Sys, image: ImageSys, plan: ParkOsPlan, staged?: StagedRestore): Resumed {
  const { own, target, wish } = plan;
  if (target !== null) requireResumable(target);
  const { os } = own;
  const to = wish.kind === 'resume' ? wish.os : (staged?.os ?? '');
  const parked = runHooks(sys, 'pre-park', { TORPOR_OS: os, TORPOR_TO: to });
  const resumed = leaveAndComeBack(sys, image, plan, staged);
  const { from, awayMs } = resumed;
  const hooks = runHooks(sys, 'post-resume', {
    TORPOR_OS: os,
    TORPOR_FROM: from ?? os,
    TORPOR_AWAY_SECONDS: String(Math.round(awayMs / 1000)),
  });
  return { ...resumed, warnings: [...parked, ...resumed.warnings, ...hooks] };
}

function leaveAndComeBack(
  sys: Sys,
  image: ImageSys,
  plan: ParkOsPlan,
  staged: StagedRestore | undefined,
): Resumed {
  const { own, area } = plan;
  const { os } = own;
  const warnings: string[] = [];
  const facts = readImageFacts(sys, { os, tag: 'parked', note: '' });
  const id = newId();
  const mark = markLog(sys, id);
  const after = afterOf(sys, plan, staged);
  image.releaseMemory();
  image.forgetFiles();
  const programs = new ProgramHold(sys, image);
  let backTsc = 0n;
  const task: ParkPlan = {
    staging: slotPlace(area, own.slot),
    id,
    createdMs: facts.createdMs,
    reference: os,
    filesystems: own.frozen.map(({ mountPoint }) => mountPoint),
    disks: own.disks,
    facts: {
      os,
      machineId: own.machineId,
      createdMs: facts.createdMs,
      machine: facts.machine,
      kernel: facts.kernel,
    },
    after,
    atRest(action) {
      const startTsc = sys.readTsc();
      const startMs = performance.now();
      return withoutShared(sys, image, own.shared, warnings, () => {
        const unmount = performance.now() - startMs;
        try {
          programs.hold();
          const hold = performance.now() - startMs - unmount;
          return withLargeImage(sys, image, () => action({ startTsc: hex(startTsc) }, { unmount, hold }));
        } finally {
          backTsc = sys.readTsc();
          programs.release();
        }
      });
    },
  };
  try {
    const { stagesMs } = parkImage(image, task);
    const back = { tsc: backTsc, createdMs: facts.createdMs, stagesMs };
    return { ...describeArrival(sys, image, plan, back), warnings };
  } catch (error) {
    throw explainSmallSlot(area, explainImageFailure(sys, error, mark));
  } finally {
    programs.release();
  }
}

function afterOf(sys: Sys, { area, target, wish }: ParkOsPlan, staged: StagedRestore | undefined): AfterPark {
  if (wish.kind === 'restore') {
    if (staged === undefined) throw new Error(`${wish.reference} was not staged`);
    const { reference, staging, id, disks } = staged;
    // This system's own filesystems are frozen already; the snapshot's disks become what it knows.
    return { kind: 'resume', os: reference, image: { staging, id, filesystems: [], disks }, disks: [] };
  }
  if (target === null) return { kind: wish.kind === 'off' ? 'off' : 'restart' };
  const { parked, disks } = target;
  return {
    kind: 'resume',
    os: parked.os,
    image: {
      staging: slotPlace(area, parked.slot),
      id: parked.id,
      // This system's own are frozen already, and the other's disks are as it left them.
      filesystems: [],
      disks: [],
      dialect: readLoader(sys).dialect,
    },
    disks,
  };
}

function explainSmallSlot({ device }: ParkingArea, error: unknown): unknown {
  if (!(error instanceof TorporError) || error.code !== 'E_STAGING_FULL') return error;
  return new TorporError('E_STAGING_FULL', `a slot of the parking area is too small: ${error.message}`, {
    facts: { ...error.facts, device },
    hint: 'end programs, or make the area anew on a larger partition or with fewer slots: `torpor parking init`',
    cause: error,
  });
}

/** Where this OS comes from, and how long it took. */
function describeArrival(
  sys: Sys,
  image: ImageSys,
  { own, area }: ParkOsPlan,
  back: {
    readonly tsc: bigint;
    readonly createdMs: number;
    readonly stagesMs: Readonly<Record<string, number>>;
  },
): Omit<Resumed, 'warnings'> {
  const awayMs = Math.max(0, Math.round(sys.realtimeMs()) - back.createdMs);
  const alone = { outcome: 'resumed', os: own.os, from: null, awayMs, switchMs: null } as const;
  const other = lookForOther(image, area);
  if (other === null) return { ...alone, stagesMs: back.stagesMs };
  const switchMs = Number(back.tsc - BigInt(other.facts.startTsc)) / tscPerMs(sys);
  // A start of the machine sets the counter back.
  const isFresh = other.createdMs >= back.createdMs && switchMs > 0 && switchMs < MAX_SWITCH_MS;
  if (!isFresh) return { ...alone, stagesMs: back.stagesMs };
  const known = [...Object.values(other.facts.stagesMs), ...Object.values(back.stagesMs)];
  const loadMs = Math.max(0, switchMs - known.reduce((sum, ms) => sum + ms, 0));
  const stagesMs = { ...other.facts.stagesMs, load: loadMs, ...back.stagesMs };
  return { ...alone, from: other.os, switchMs, stagesMs };
}

/** The OS that was parked last. What only informs must not fail. */
function lookForOther(image: ImageSys, area: ParkingArea): ParkedOs | null {
  try {
    return listParked(image, area)[0] ?? null;
  } catch {
    return null;
  }
}
