import { TorporError } from '../base/errors.ts';
import type { Switchboard } from '../switchboard/switchboard.ts';
import { type Answer, leaveMessage } from './messages.ts';

/** Leaves the answer to a request in the asker's mailbox; one that is too long goes without its facts. Throws E_MAILBOX. */
export function leaveAnswer(switchboard: Switchboard, to: number, content: Omit<Answer, 'kind'>): void {
  try {
    leaveMessage(switchboard, to, { kind: 'answer', ...content });
  } catch (error) {
    if (!(error instanceof TorporError) || content.error === null) throw error;
    const { code, message, hint } = content.error;
    const short = { code, message: message.slice(0, 1000), facts: {}, hint };
    leaveMessage(switchboard, to, { kind: 'answer', ...content, error: short });
  }
}

/** An error as an answer carries it. */
export function packError(error: unknown): NonNullable<Answer['error']> {
  const known = error instanceof TorporError ? error : new TorporError('E_SYSCALL', String(error));
  const { code, message, facts, hint } = known;
  const entries = Object.entries(facts).map(([name, value]) => [
    name,
    Array.isArray(value) ? [...value] : value,
  ]);
  return { code, message, facts: Object.fromEntries(entries), hint: hint ?? null };
}

/** The error that an answer carries. */
export function unpackError({ code, message, facts, hint }: NonNullable<Answer['error']>): TorporError {
  return new TorporError(code, message, { facts, ...(hint === null ? {} : { hint }) });
}
