import { TorporError } from '../base/errors.ts';
import type { Switchboard } from '../switchboard/switchboard.ts';
import type { Sys } from '../sys/sys.ts';
import { unpackError } from './answer.ts';
import { type HomeRequest, leaveMessage, newRequestId, withdrawMessages } from './messages.ts';
import { type Arrived, switchTo } from './travel.ts';

/** A request without what is filled in here. */
export type Asked = HomeRequest extends infer R
  ? R extends HomeRequest
    ? Omit<R, 'request' | 'from'>
    : never
  : never;

/** What became of a request; it ends in one of two OSes: the one that asked, or one out of a bank. */
export interface HomeAnswer {
  readonly arrived: Arrived;
  /** What home says; null when this OS comes out of a bank, where nobody waits for an answer. */
  readonly ok: Readonly<Record<string, unknown>> | null;
}

/**
 * Parks this OS, has home carry out a request, and resolves when this OS runs again: after it, or, each
 * time this OS is restored from a snapshot that was made in between, once more. Throws what home
 * answers, and E_NO_ANSWER when it came back without an answer.
 */
export async function askHome(sys: Sys, switchboard: Switchboard, asked: Asked): Promise<HomeAnswer> {
  const request = newRequestId();
  const { index: from, name } = switchboard.running();
  // Nobody could do it for this OS while home saves it.
  const isQuiesced = asked.kind === 'snapshot' && asked.os === name && !asked.dryRun && !asked.asIs;
  leaveMessage(switchboard, 0, { ...asked, request, from } as HomeRequest);
  let arrived: Arrived;
  try {
    arrived = await switchTo(sys, switchboard, 0, { isQuiesced });
  } catch (error) {
    // This OS could not leave: home must not find the request later.
    withdrawMessages(switchboard, 0, asked.kind);
    throw error;
  }
  const answer = arrived.answers.findLast((message) => message.request === request);
  if (answer?.error) throw unpackError(answer.error);
  if (answer !== undefined) return { arrived, ok: answer.ok };
  if (arrived.restored !== null) return { arrived, ok: null };
  throw new TorporError('E_NO_ANSWER', 'home came back without an answer', {
    facts: { request: asked.kind, from: arrived.report.from },
    hint: 'look at home’s log; `torpor bank ls` in home shows what is in the bank',
  });
}
