import { renderTable } from '../../../src/cli/output.ts';
import { type Summary, summarize } from '../../perf/statistics.ts';
import type { StockFailure } from './failure.ts';
import type { StockSoakOptions } from './options.ts';
import type { StockSoakResult } from './run.ts';
import { nameOfStep, type StockStep } from './step.ts';

/** What a soak of stock systems found, as `--json` prints it. */
export interface StockSoakReport {
  readonly kind: 'stock';
  readonly seed: number;
  readonly emulated: boolean;
  readonly elapsedMs: number;
  /** Whole ones. */
  readonly rounds: number;
  readonly counts: Readonly<Record<StockStep['kind'], number>>;
  /** `restore, in place`, … */
  readonly byKind: Readonly<Record<string, number>>;
  readonly failures: number;
  /** From the command to its answer. */
  readonly totalMs: Readonly<Record<string, Summary>>;
  readonly stagesMs: Readonly<Record<string, Readonly<Record<string, Summary>>>>;
  readonly verifyMs: Summary;
  /** Programs that an OS cannot run, with their reasons. */
  readonly skipped: readonly string[];
  readonly failure: StockFailure | null;
}

export function reportStockSoak(
  { steps, rounds, skipped, failure, elapsedMs }: StockSoakResult,
  { seed }: StockSoakOptions,
): StockSoakReport {
  const groups = [...Map.groupBy(steps, nameOfStep)].toSorted(([a], [b]) => a.localeCompare(b));
  const count = (kind: StockStep['kind']): number => steps.filter((step) => step.kind === kind).length;
  return {
    kind: 'stock',
    seed,
    emulated: true,
    elapsedMs: Math.round(elapsedMs),
    rounds,
    counts: { snapshot: count('snapshot'), restore: count('restore'), switch: count('switch') },
    byKind: Object.fromEntries(groups.map(([name, of]) => [name, of.length])),
    failures: failure === null ? 0 : 1,
    totalMs: Object.fromEntries(groups.map(([name, of]) => [name, summarize(of.map((s) => s.totalMs))])),
    stagesMs: Object.fromEntries(groups.map(([name, of]) => [name, summarizeStages(of)])),
    verifyMs: summarize(steps.map((step) => step.verifyMs)),
    skipped,
    failure,
  };
}

function summarizeStages(steps: readonly StockStep[]): Record<string, Summary> {
  const names = new Set(steps.flatMap(({ stagesMs }) => Object.keys(stagesMs)));
  return Object.fromEntries(
    [...names].map((name) => [
      name,
      summarize(steps.flatMap(({ stagesMs }) => (stagesMs[name] === undefined ? [] : [stagesMs[name]]))),
    ]),
  );
}

export function renderStockSoak(report: StockSoakReport): string {
  const { counts, failure } = report;
  const minutes = (report.elapsedMs / 60_000).toFixed(1);
  const figures = ({ count, p50Ms, p95Ms, maxMs }: Summary): string[] => [
    String(count),
    ...[p50Ms, p95Ms, maxMs].map((ms) => ms.toFixed(0)),
  ];
  const rows = Object.entries(report.totalMs).flatMap(([name, total]) => [
    [name, ...figures(total)],
    ...Object.entries(report.stagesMs[name]!).map(([stage, of]) => [`  ${stage}`, ...figures(of)]),
  ]);
  const blocks = [
    `${counts.snapshot} snapshots, ${counts.restore} restores and ${counts.switch} switches in ${report.rounds} rounds, ${report.failures} failures in ${minutes} min${report.emulated ? ' (emulated)' : ''}, seed ${report.seed}`,
    renderTable(
      ['', 'COUNT', 'p50 ms', 'p95 ms', 'max ms'],
      [...rows, ['verified', ...figures(report.verifyMs)]],
    ),
    ...(report.skipped.length === 0
      ? []
      : [['not run:', ...report.skipped.map((of) => `  ${of}`)].join('\n')]),
  ];
  if (failure !== null) {
    blocks.push(
      [
        `FAILED in round ${failure.round}, ${failure.step}:`,
        ...failure.problems.map((problem) => `  ${problem}`),
        `evidence: ${failure.evidence}`,
        `again:    ${failure.replay}`,
      ].join('\n'),
    );
  }
  return blocks.join('\n\n');
}
