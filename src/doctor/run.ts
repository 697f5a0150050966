import { TorporError } from '../base/errors.ts';
import type { Sys } from '../sys/sys.ts';
import { type Check, type Finding, type Group, unknown } from './check.ts';
import { type Context, openContext } from './context.ts';
import { CHECKS } from './registry.ts';
import { reachVerdict, type Verdict } from './verdict.ts';

/** A finding with the check that made it. */
export interface CheckResult extends Finding {
  readonly id: string;
  readonly title: string;
  readonly group: Group;
  readonly essential: boolean;
}

export interface DoctorReport {
  readonly kernelRelease: string;
  /** False: what only root may see is `unknown`. */
  readonly isRoot: boolean;
  readonly checks: readonly CheckResult[];
  readonly verdict: Verdict;
}

/** Examines this machine. Changes nothing and never throws for what it finds. */
export function examineMachine(sys: Sys, checks: readonly Check[] = CHECKS): DoctorReport {
  const context = openContext(sys);
  const results = checks.map((check) => runCheck(check, context));
  return {
    kernelRelease: sys.kernelRelease(),
    isRoot: context.isRoot,
    checks: results,
    verdict: reachVerdict(results),
  };
}

function runCheck(check: Check, context: Context): CheckResult {
  const { id, title, group, essential = false } = check;
  return { id, title, group, essential, ...probe(check, context) };
}

function probe(check: Check, context: Context): Finding {
  try {
    return check.probe(context);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const denied = cause instanceof TorporError && ['EACCES', 'EPERM'].includes(String(cause.facts.errno));
    if (denied && !context.isRoot) return unknown('only root can see it', 'sudo torpor doctor', { reason });
    return unknown(`could not be examined: ${reason}`, undefined, { reason });
  }
}
