import type { Bank } from '../bank/bank.ts';
import { TorporError } from '../base/errors.ts';
import type { OnProgress } from '../base/progress.ts';
import type { Switchboard } from '../switchboard/switchboard.ts';
import type { Sys } from '../sys/sys.ts';
import { leaveAnswer, packError } from './answer.ts';
import type { Answer, HomeRequest, RestoreRequest, SnapshotRequest } from './messages.ts';
import { withBank } from './open-bank.ts';
import { planAtRest } from './plan-at-rest.ts';
import { Registry } from './registry.ts';
import { restoreOs } from './restore-os.ts';
import { describeRestorePlan, planRestore } from './restore-plan.ts';
import { describeSnapshotPlan, planSnapshot, snapshotOs } from './snapshot-os.ts';

/** What the requests work with; given by tests. */
export interface HomeServices {
  readonly registry: Registry;
  readonly withBank: <T>(action: (bank: Bank) => Promise<T>) => Promise<T>;
}

const REAL: HomeServices = {
  registry: new Registry(),
  withBank: (action) => withBank({ write: true }, action),
};

/** Saving or restoring led to this: what to answer, and the slot to enter next. */
interface Outcome {
  readonly ok: object;
  readonly next: number;
  /** The OS in the asker's slot is another one now, or the same at another moment. */
  readonly replacesAsker: boolean;
}

/**
 * Carries out, in home, what another OS asks for, and leaves the answer in its mailbox. Returns the
 * slot to enter next: that of the asker, or of the restored OS. When the asker is gone (a restore of
 * itself that failed half-way) it throws what happened, and home goes on.
 */
export async function carryOutRequest(
  sys: Sys,
  switchboard: Switchboard,
  request: HomeRequest,
  onProgress?: OnProgress,
  services: HomeServices = REAL,
): Promise<number | null> {
  const { from } = request;
  try {
    const self = switchboard.running();
    if (self.index !== 0) throw notHome(self.name);
    const { ok, next, replacesAsker } =
      request.kind === 'snapshot'
        ? await saveFor(sys, switchboard, request, services, onProgress)
        : await restoreFor(sys, switchboard, request, services, onProgress);
    if (!replacesAsker)
      leaveAnswer(switchboard, from, { request: request.request, ok: ok as Answer['ok'], error: null });
    return next;
  } catch (error) {
    if (switchboard.record(from).state !== 'parked') throw error;
    leaveAnswer(switchboard, from, { request: request.request, ok: null, error: packError(error) });
    return from;
  }
}

async function saveFor(
  sys: Sys,
  switchboard: Switchboard,
  { os, tag, note, from, dryRun, asIs }: SnapshotRequest,
  { registry, withBank }: HomeServices,
  onProgress: OnProgress | undefined,
): Promise<Outcome> {
  const wish = { os, tag, note };
  if (dryRun) {
    const plan = planSnapshot(sys, switchboard, registry, wish);
    plan.close();
    return { ok: describeSnapshotPlan(plan), next: from, replacesAsker: false };
  }
  return await withBank(async (bank) => {
    const plan = asIs
      ? planSnapshot(sys, switchboard, registry, wish)
      : planAtRest(sys, switchboard, registry, bank, wish);
    try {
      const ok = await snapshotOs(switchboard, bank, plan, onProgress);
      return { ok, next: from, replacesAsker: false };
    } finally {
      plan.close();
    }
  });
}

async function restoreFor(
  sys: Sys,
  switchboard: Switchboard,
  { reference, slot, check, go, from, dryRun }: RestoreRequest,
  { registry, withBank }: HomeServices,
  onProgress: OnProgress | undefined,
): Promise<Outcome> {
  return await withBank(async (bank) => {
    const snapshot = bank.find(reference);
    const plan = planRestore(sys, switchboard, registry, snapshot, bank.unfinishedRestore(), { slot });
    if (dryRun) return { ok: describeRestorePlan(plan), next: from, replacesAsker: false };
    const options = { check, ...(onProgress === undefined ? {} : { onProgress }) };
    const ok = await restoreOs(sys, switchboard, bank, plan, options);
    const replacesAsker = ok.slot === from;
    return { ok, next: go || replacesAsker ? ok.slot : from, replacesAsker };
  });
}

function notHome(name: string): TorporError {
  return new TorporError('E_OS_STATE', `“${name}” is not home: it can neither save nor restore an OS`, {
    facts: { name },
    hint: 'use the same release of Torpor in every OS',
  });
}
