import type { Bank } from '../bank/bank.ts';
import { TorporError } from '../base/errors.ts';
import type { Switchboard } from '../switchboard/switchboard.ts';
import type { Sys } from '../sys/sys.ts';
import { unpackError } from './answer.ts';
import { leaveMessage, newRequestId, withdrawMessages } from './messages.ts';
import { pass } from './pass.ts';
import type { Registry } from './registry.ts';
import { planSnapshot, type SnapshotPlan, type SnapshotWish } from './snapshot-os.ts';

/**
 * Plans to save a parked OS. One that was parked with a filesystem in use is entered for a moment and brings its
 * filesystems to rest, so that only blocks in use are read. One that cannot is saved as it is. What is refused is
 * refused before that. Throws E_SNAPSHOT_EXISTS and what planSnapshot() and pass() throw.
 */
export function planAtRest(
  sys: Sys,
  switchboard: Switchboard,
  registry: Registry,
  bank: Bank,
  wish: SnapshotWish,
): SnapshotPlan {
  const plan = planSnapshot(sys, switchboard, registry, wish);
  if (plan.inUse.length === 0) return plan;
  plan.close();
  bank.requireNew(`${plan.facts.os}@${plan.facts.tag}`);
  const failure = requestRest(sys, switchboard, plan.record.index);
  const again = planSnapshot(sys, switchboard, registry, wish);
  if (failure === null) return again;
  return { ...again, doubts: () => [...again.doubts(), failure.message] };
}

/** Has the OS in `slot` come to rest and come back. Returns why it could not come to rest. */
function requestRest(sys: Sys, switchboard: Switchboard, slot: number): TorporError | null {
  const request = newRequestId();
  const home = switchboard.running().index;
  leaveMessage(switchboard, slot, { kind: 'quiesce', request, to: home });
  const releaseSignals = sys.holdSignals();
  try {
    const { messages } = pass(sys, switchboard, slot);
    const others = messages.filter((message) => message.kind !== 'answer' || message.request !== request);
    for (const message of others) leaveMessage(switchboard, home, message);
    const answer = messages.find((message) => message.kind === 'answer' && message.request === request);
    if (answer?.kind === 'answer') return answer.error === null ? null : unpackError(answer.error);
    return new TorporError('E_NO_ANSWER', 'the OS came back without an answer', { facts: { slot } });
  } catch (error) {
    // It was not entered.
    withdrawMessages(switchboard, slot, 'quiesce');
    throw error;
  } finally {
    releaseSignals();
  }
}
