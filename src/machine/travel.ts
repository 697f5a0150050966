import type { OnProgress } from '../base/progress.ts';
import { carryClock } from '../engine/resident/clock.ts';
import { type Arrival, jump } from '../engine/resident/jump.ts';
import { loadCrashImage } from '../engine/resident/kexec-images.ts';
import { reportSwitch, type SwitchReport } from '../engine/resident/switch-report.ts';
import type { SlotRecord } from '../switchboard/record.ts';
import type { Switchboard } from '../switchboard/switchboard.ts';
import type { Sys } from '../sys/sys.ts';
import { runHooks } from './hooks.ts';
import { type Answer, type HomeRequest, type Message, type Restored, takeMessages } from './messages.ts';
import { stopThisOs } from './stop-this-os.ts';

/** What this OS finds when it runs again. */
export interface Arrived {
  /** The last switch, into this OS. */
  readonly report: SwitchReport;
  /** How long this OS stood still, by the wall clock; ms. */
  readonly awayMs: number;
  /** What home says to requests of this OS. */
  readonly answers: readonly Answer[];
  /** Set when this OS comes out of a bank: it runs on from the moment of that snapshot. */
  readonly restored: Restored | null;
  /** What hooks had to complain about. */
  readonly warnings: readonly string[];
}

/** Carries out what another OS asks of this one. Returns the slot to enter next; null to stay here. */
export type CarryOut = (request: HomeRequest) => Promise<number | null>;

export interface TravelOptions {
  /** How far home is with what another OS has asked for. */
  readonly onProgress?: OnProgress;
  /** In place of the real one, for tests. */
  readonly carryOut?: CarryOut;
}

/**
 * Parks this OS and enters slot `target`. Resolves, in this OS, when somebody comes back to it and
 * nothing is left to be done for others: a request to stop is carried out here and does not return,
 * a request to save or restore an OS is carried out and its asker entered again.
 */
export async function switchTo(
  sys: Sys,
  switchboard: Switchboard,
  target: number,
  options: TravelOptions = {},
): Promise<Arrived> {
  const carryOut = options.carryOut ?? ((request) => carryOutHere(sys, switchboard, request, options));
  const releaseSignals = sys.holdSignals();
  try {
    let next = target;
    for (;;) {
      const { arrived, request } = travel(sys, switchboard, next);
      if (request === null) return arrived;
      const then = await carryOut(request);
      if (then === null) return arrived;
      next = then;
    }
  } finally {
    releaseSignals();
  }
}

/** The code for snapshots is only loaded when it is needed. */
async function carryOutHere(
  sys: Sys,
  switchboard: Switchboard,
  request: HomeRequest,
  { onProgress }: TravelOptions,
): Promise<number | null> {
  const { carryOutRequest } = await import('./carry-out.ts');
  return await carryOutRequest(sys, switchboard, request, onProgress);
}

/** One way out and back. */
function travel(
  sys: Sys,
  switchboard: Switchboard,
  target: number,
): { arrived: Arrived; request: HomeRequest | null } {
  const before = switchboard.running();
  const leftMs = sys.realtimeMs();
  const to = switchboard.record(target).name;
  const parkWarnings = runHooks(sys, 'pre-park', { TORPOR_OS: before.name, TORPOR_TO: to });
  const arrival = jump(sys, switchboard, target);
  const report = arrive(sys, switchboard, arrival);
  const self = switchboard.running();
  const messages = takeMessages(switchboard, self.index);
  const awayMs = sys.realtimeMs() - leftMs;
  const restored = messages.findLast((message) => message.kind === 'restored') ?? null;
  if (restored !== null) wake(sys, switchboard, self, restored);
  const arrived: Arrived = {
    report,
    awayMs,
    answers: messages.filter((message) => message.kind === 'answer'),
    restored,
    warnings: [...parkWarnings, ...runArrivalHooks(sys, self, report, awayMs, restored)],
  };
  const stop = messages.find((message) => message.kind === 'stop');
  if (stop !== undefined) stopThisOs(sys, switchboard, stop.to);
  return { arrived, request: messages.find(isHomeRequest) ?? null };
}

/** The figures and times of the switch that ended here. */
function arrive(sys: Sys, switchboard: Switchboard, arrival: Arrival): SwitchReport {
  // An OS out of a bank can find another start of home than the one it was parked under.
  switchboard.reload();
  const report = reportSwitch(sys, switchboard, arrival);
  carryClock(sys, arrival);
  const nowMs = Math.round(sys.realtimeMs());
  switchboard.describe(arrival.control.previous, { sinceMs: nowMs });
  switchboard.describe(arrival.control.current, { sinceMs: nowMs });
  switchboard.writeLastSwitch(report);
  return report;
}

/**
 * What an OS out of a bank does before all else: two restores of one snapshot must not draw the same
 * random numbers, and its crash image has to name the slot that it is in now.
 */
function wake(sys: Sys, switchboard: Switchboard, self: SlotRecord, restored: Restored): void {
  sys.reseedRandom(Buffer.from(restored.seed, 'base64'));
  switchboard.describe(self.index, { crashArmed: loadCrashImage(sys, switchboard.base, self) });
}

function runArrivalHooks(
  sys: Sys,
  self: SlotRecord,
  report: SwitchReport,
  awayMs: number,
  restored: Restored | null,
): string[] {
  const facts = {
    TORPOR_OS: self.name,
    TORPOR_FROM: report.from,
    TORPOR_AWAY_SECONDS: String(Math.max(0, Math.round(awayMs / 1000))),
  };
  const warnings = runHooks(sys, 'post-resume', facts);
  if (restored === null) return warnings;
  const origin = {
    TORPOR_SNAPSHOT: restored.reference,
    TORPOR_GENERATION: String(restored.generation),
  };
  return [...warnings, ...runHooks(sys, 'post-restore', { ...facts, ...origin })];
}

function isHomeRequest(message: Message): message is HomeRequest {
  return message.kind === 'snapshot' || message.kind === 'restore';
}
