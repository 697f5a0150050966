import type { Fact } from '../base/errors.ts';
import type { Context } from './context.ts';

/** `obstacle`: nothing works before it is removed. `warning`: it works, with the named limit. */
export type Status = 'ok' | 'warning' | 'obstacle' | 'unknown';

export const GROUPS = ['machine', 'kernel', 'memory', 'devices', 'programs'] as const;
export type Group = (typeof GROUPS)[number];

/** What one check found. */
export interface Finding {
  readonly status: Status;
  /** One line for people. */
  readonly detail: string;
  readonly facts: Readonly<Record<string, Fact>>;
  /** The exact command or setting that removes the obstacle or the warning. */
  readonly remedy?: string;
}

/** Looks at one property of this machine and changes nothing. */
export interface Check {
  readonly id: string;
  readonly title: string;
  readonly group: Group;
  /** Without its answer there is no verdict: `unknown` leaves it open. */
  readonly essential?: true;
  /** May throw: then the finding is `unknown`, with the reason. */
  probe(context: Context): Finding;
}

export function ok(detail: string, facts: Finding['facts'] = {}): Finding {
  return { status: 'ok', detail, facts };
}

export function warning(detail: string, remedy: string | undefined, facts: Finding['facts'] = {}): Finding {
  return finding('warning', detail, remedy, facts);
}

export function obstacle(detail: string, remedy: string | undefined, facts: Finding['facts'] = {}): Finding {
  return finding('obstacle', detail, remedy, facts);
}

export function unknown(detail: string, remedy: string | undefined, facts: Finding['facts'] = {}): Finding {
  return finding('unknown', detail, remedy, facts);
}

function finding(
  status: Status,
  detail: string,
  remedy: string | undefined,
  facts: Finding['facts'],
): Finding {
  return { status, detail, facts, ...(remedy === undefined ? {} : { remedy }) };
}
