import { TorporError } from '../../base/errors.ts';
import { readLoader } from '../../engine/image/loader.ts';
import type { AfterPark, ParkPlan, ParkStage } from '../../engine/image/park-image.ts';
import { type ParkingArea, slotPlace } from '../../engine/image/parking-area.ts';
import { tscPerMs } from '../../engine/resident/tsc-clock.ts';
import type { ImageSys } from '../../sys/image-sys.ts';
import type { Sys } from '../../sys/sys.ts';
import { runHooks } from '../hooks.ts';
import { askAlone } from '../image/alone.ts';
import { explainImageFailure, markLog } from '../image/explain.ts';
import { readImageFacts } from '../image/image-facts.ts';
import { newId } from '../image/image-session.ts';
import { holdPrograms } from './hold-programs.ts';
import { openParking } from './parking-place.ts';
import { type OwnParkPlan, planPark } from './plan-park.ts';
import { planResume, type ResumePlan, requireResumable } from './plan-resume.ts';
import { withoutShared } from './shared-filesystems.ts';
import { findParked, listParked } from './slots.ts';

/** What becomes of the machine when this OS is parked. */
export type ParkWish =
  | { readonly kind: 'resume'; readonly os: string }
  | { readonly kind: 'off' | 'restart' };

/** A park or a switch that was checked whole. */
export interface ParkOsPlan {
  readonly area: ParkingArea;
  readonly own: OwnParkPlan;
  /** Null when the machine is turned off or started anew. */
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
  /** From the command in the other OS to here, by the time stamp counter; null when the machine was started meanwhile. */
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
  const own = planPark(sys, image, settings, area);
  const target = parked === null ? null : planResume(sys, image, area, parked);
  return { area, own, target, wish };
}

/** Parks this OS as planned. Returns when somebody has switched back to it, maybe after a start of the machine. */
export function parkOs(sys: Sys, image: ImageSys, plan: ParkOsPlan): Resumed {
  const { own, target, wish, area } = plan;
  if (target !== null) requireResumable(target);
  const { os } = own;
  const startTsc = sys.readTsc();
  const to = wish.kind === 'resume' ? wish.os : '';
  const warnings = runHooks(sys, 'pre-park', { TORPOR_OS: os, TORPOR_TO: to });
  const facts = readImageFacts(sys, { os, tag: 'parked', note: '' });
  const id = newId();
  const mark = markLog(sys, id);
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
      startTsc: `0x${startTsc.toString(16)}`,
      machine: facts.machine,
      kernel: facts.kernel,
    },
    after: afterOf(sys, plan),
  };
  let result: { readonly stagesMs: Readonly<Partial<Record<ParkStage, number>>> };
  try {
    result = withoutShared(sys, image, own.shared, warnings, () => {
      const release = holdPrograms(sys, image);
      try {
        return askAlone(image, { kind: 'park', plan: task });
      } finally {
        release();
      }
    });
  } catch (error) {
    throw explainImageFailure(sys, error, mark);
  }
  return welcomeBack(sys, image, plan, { createdMs: facts.createdMs, stagesMs: result.stagesMs, warnings });
}

function afterOf(sys: Sys, { area, target, wish }: ParkOsPlan): AfterPark {
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

/** The first thing that the OS does when it has come back. */
function welcomeBack(
  sys: Sys,
  image: ImageSys,
  { own, area }: ParkOsPlan,
  was: { readonly createdMs: number; readonly stagesMs: object; readonly warnings: readonly string[] },
): Resumed {
  const nowTsc = sys.readTsc();
  const other = listParked(image, area)[0] ?? null;
  const ticks = other === null ? null : nowTsc - BigInt(other.facts.startTsc);
  const sinceMs = ticks === null ? -1 : Number(ticks) / tscPerMs(sys);
  // A start of the machine sets the counter back.
  const isFresh =
    other !== null && other.createdMs >= was.createdMs && sinceMs > 0 && sinceMs < MAX_SWITCH_MS;
  const from = isFresh ? other.os : null;
  const awayMs = Math.max(0, Math.round(sys.realtimeMs()) - was.createdMs);
  const hooks = runHooks(sys, 'post-resume', {
    TORPOR_OS: own.os,
    TORPOR_FROM: from ?? own.os,
    TORPOR_AWAY_SECONDS: String(Math.round(awayMs / 1000)),
  });
  return {
    outcome: 'resumed',
    os: own.os,
    from,
    awayMs,
    switchMs: isFresh ? sinceMs : null,
    stagesMs: { ...(isFresh ? other.facts.stagesMs : {}), ...was.stagesMs },
    warnings: [...was.warnings, ...hooks],
  };
}
