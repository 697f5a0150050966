import { TorporError } from '../base/errors.ts';
import type { OnProgress } from '../base/progress.ts';
import type { SwitchReport } from '../engine/resident/switch-report.ts';
import type { SlotRecord } from '../switchboard/record.ts';
import type { Switchboard } from '../switchboard/switchboard.ts';
import type { Sys } from '../sys/sys.ts';
import { runHooks } from './hooks.ts';
import type { Answer, HomeRequest, Message, Restored } from './messages.ts';
import { pass } from './pass.ts';
import { quiesce } from './quiesce.ts';
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
  /** Programs are held and filesystems frozen before this OS is parked, if that can be done. */
  readonly isQuiesced?: boolean;
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
    for (let isQuiesced = options.isQuiesced ?? false; ; isQuiesced = false) {
      const { arrived, request } = travel(sys, switchboard, next, isQuiesced);
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

/** One way out and back, with its hooks. */
function travel(
  sys: Sys,
  switchboard: Switchboard,
  target: number,
  isQuiesced: boolean,
): { arrived: Arrived; request: HomeRequest | null } {
  const before = switchboard.running();
  const leftMs = sys.realtimeMs();
  const to = switchboard.record(target).name;
  const warnings = runHooks(sys, 'pre-park', { TORPOR_OS: before.name, TORPOR_TO: to });
  const { report, messages, restored } = isQuiesced
    ? pass(sys, switchboard, target, () => tryQuiesce(sys, warnings))
    : pass(sys, switchboard, target);
  const self = switchboard.running();
  const awayMs = sys.realtimeMs() - leftMs;
  warnings.push(...runArrivalHooks(sys, self, report, awayMs, restored));
  const arrived: Arrived = {
    report,
    awayMs,
    answers: messages.filter((message) => message.kind === 'answer'),
    restored,
    warnings,
  };
  const stop = messages.find((message) => message.kind === 'stop');
  if (stop !== undefined) stopThisOs(sys, switchboard, stop.to);
  return { arrived, request: messages.find(isHomeRequest) ?? null };
}

/** An OS that cannot come to rest is saved all the same, only with more of its disks. */
function tryQuiesce(sys: Sys, warnings: string[]): () => void {
  try {
    return quiesce(sys);
  } catch (error) {
    if (!(error instanceof TorporError)) throw error;
    warnings.push(`the filesystems stayed in use: ${error.message}`);
    return () => {};
  }
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
