import { GROUPS, type Status } from './check.ts';
import type { CheckResult, DoctorReport } from './run.ts';

const MARKS: Record<Status, string> = { ok: '✓', warning: '!', obstacle: '✗', unknown: '?' };

/** The report for people: a line for each check, its remedy under it, the verdict at the end. */
export function renderReport(report: DoctorReport): string {
  const who = report.isRoot ? '' : ', seen without root';
  const groups = GROUPS.flatMap((group) =>
    renderGroup(
      group,
      report.checks.filter((check) => check.group === group),
    ),
  );
  const { verdict } = report;
  const next = verdict.next === null ? [] : [`→ ${verdict.next}`];
  return [`Linux ${report.kernelRelease}${who}`, ...groups, '', verdict.summary, ...next].join('\n');
}

function renderGroup(group: string, checks: readonly CheckResult[]): string[] {
  if (checks.length === 0) return [];
  return ['', group, ...checks.flatMap(renderCheck)];
}

function renderCheck({ status, title, detail, remedy }: CheckResult): string[] {
  const line = `  ${MARKS[status]} ${title}: ${detail}`;
  return remedy === undefined ? [line] : [line, `      → ${remedy}`];
}
