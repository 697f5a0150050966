import { renderTable } from '../../../src/cli/output.ts';
import { type Summary, summarize } from '../../perf/statistics.ts';
import type { BankFailure } from './failure.ts';
import type { BankSoakOptions } from './options.ts';
import type { BankSoakResult } from './run.ts';

/** What a soak of the bank found, as `--json` prints it. */
export interface BankSoakReport {
  readonly kind: BankSoakOptions['kind'];
  readonly seed: number;
  readonly emulated: boolean;
  readonly elapsedMs: number;
  /** Restores, or power cuts, that were judged. */
  readonly count: number;
  readonly failures: number;
  /** How many of each kind: `power-cut tiny`, `snapshot in the making`, … */
  readonly byKind: Readonly<Record<string, number>>;
  /** Of restores only: from the request until the OS answers, by kind. */
  readonly restoreMs: Readonly<Record<string, Summary>>;
  readonly failure: BankFailure | null;
}

export function reportBankSoak(
  { steps, failure, elapsedMs }: BankSoakResult,
  { kind, seed }: BankSoakOptions,
  emulated: boolean,
): BankSoakReport {
  const groups = Map.groupBy(steps, (step) =>
    'os' in step ? `${step.kind} ${step.os}` : `${step.operation}, ${step.ended ? 'ended' : 'in the middle'}`,
  );
  const times = [...groups].flatMap(([name, of]) => {
    const values = of.flatMap((step) => ('os' in step ? [step.restoreMs] : []));
    return values.length === 0 ? [] : [[name, summarize(values)] as const];
  });
  return {
    kind,
    seed,
    emulated,
    elapsedMs: Math.round(elapsedMs),
    count: steps.length,
    failures: failure === null ? 0 : 1,
    byKind: Object.fromEntries([...groups].map(([name, of]) => [name, of.length])),
    restoreMs: Object.fromEntries(times),
    failure,
  };
}

export function renderBankSoak(report: BankSoakReport): string {
  const what = report.kind === 'restore' ? 'restores' : 'power cuts';
  const where = report.emulated ? ' (emulated)' : '';
  const minutes = (report.elapsedMs / 60_000).toFixed(1);
  const blocks = [
    `${report.count} ${what}, ${report.failures} failures in ${minutes} min${where}, seed ${report.seed}`,
    renderTable(
      ['', 'COUNT', 'p50 ms', 'p95 ms', 'max ms'],
      Object.entries(report.byKind).map(([name, count]) => {
        const times = report.restoreMs[name];
        const figures = times === undefined ? [] : [times.p50Ms, times.p95Ms, times.maxMs];
        return [name, String(count), ...[0, 1, 2].map((at) => figures[at]?.toFixed(0) ?? '-')];
      }),
    ),
  ];
  const { failure } = report;
  if (failure !== null) {
    blocks.push(
      [
        `FAILED at ${failure.step} ${failure.number}:`,
        ...failure.problems.map((problem) => `  ${problem}`),
        `evidence: ${failure.evidence}`,
        `again:    ${failure.replay}`,
      ].join('\n'),
    );
  }
  return blocks.join('\n\n');
}
