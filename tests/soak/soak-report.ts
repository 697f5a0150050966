import { renderTable } from '../../src/cli/output.ts';
import { type Summary, summarize } from '../perf/statistics.ts';
import type { SoakFailure } from './failure.ts';
import type { SoakSwitch } from './journal.ts';
import type { SoakResult } from './run-soak.ts';

interface PairSummary extends Summary {
  readonly from: string;
  readonly to: string;
}

interface OsSummary {
  readonly os: string;
  readonly visits: number;
  readonly ticks: number;
  readonly memFreeKib: readonly [number, number];
  readonly memAvailableKib: readonly [number, number];
}

/** What a soak found, as `--json` prints it. */
export interface SoakReport {
  readonly seed: number;
  readonly emulated: boolean;
  readonly elapsedMs: number;
  readonly switches: number;
  readonly failures: number;
  /** Switches whose report was lost on the serial line; they count all the same. */
  readonly reportsLost: number;
  readonly totalMs: Summary;
  readonly hostMs: Summary;
  readonly pairs: readonly PairSummary[];
  readonly oses: readonly OsSummary[];
  readonly complaints: Readonly<Record<string, number>>;
  readonly failure: SoakFailure | null;
}

export function reportSoak(result: SoakResult, seed: number, emulated: boolean): SoakReport {
  const { journal, failure, elapsedMs } = result;
  const { switches } = journal;
  const pairs = Map.groupBy(switches, (done) => `${done.from} ${done.to}`);
  return {
    seed,
    emulated,
    elapsedMs: Math.round(elapsedMs),
    switches: switches.length,
    failures: failure === null ? 0 : 1,
    reportsLost: switches.filter((done) => done.report === null).length,
    totalMs: summarize(totals(switches)),
    hostMs: summarize(switches.map((done) => done.hostMs)),
    pairs: [...pairs.values()]
      .map((of) => ({ from: of[0]!.from, to: of[0]!.to, ...summarize(totals(of)) }))
      .toSorted((a, b) => `${a.from} ${a.to}`.localeCompare(`${b.from} ${b.to}`)),
    oses: [...journal.last].map(([os, last]) => {
      const first = journal.first.get(os)!;
      return {
        os,
        visits: switches.filter((done) => done.to === os).length,
        ticks: last.ticks,
        memFreeKib: [first.memFreeKib, last.memFreeKib],
        memAvailableKib: [first.memAvailableKib, last.memAvailableKib],
      };
    }),
    complaints: Object.fromEntries(journal.complaints),
    failure,
  };
}

function totals(switches: readonly SoakSwitch[]): number[] {
  return switches.flatMap(({ report }) => (report === null ? [] : [report.totalMs]));
}

export function renderSoak(report: SoakReport): string {
  const where = report.emulated ? ' (emulated)' : '';
  const { totalMs: total, hostMs: host } = report;
  const figures = (of: Summary): string[] =>
    [of.p50Ms, of.p95Ms, of.p99Ms, of.maxMs].map((ms) => ms.toFixed(0));
  const head = ['p50 ms', 'p95 ms', 'p99 ms', 'max ms'];
  const blocks = [
    `${report.switches} switches, ${report.failures} failures in ${(report.elapsedMs / 60_000).toFixed(1)} min${where}, seed ${report.seed}`,
    renderTable(
      ['', ...head],
      [
        ['switch', ...figures(total)],
        ['seen by the host', ...figures(host)],
      ],
    ),
    renderTable(
      ['FROM', 'TO', 'SWITCHES', ...head],
      report.pairs.map((pair) => [pair.from, pair.to, String(pair.count), ...figures(pair)]),
    ),
    renderTable(
      ['OS', 'VISITS', 'TICKS', 'MEMFREE KIB', 'MEMAVAILABLE KIB'],
      report.oses.map((os) => [
        os.os,
        String(os.visits),
        String(os.ticks),
        renderDrift(os.memFreeKib),
        renderDrift(os.memAvailableKib),
      ]),
    ),
  ];
  const complaints = Object.entries(report.complaints).map(([line, count]) => `  ${count}× ${line}`);
  if (complaints.length > 0) blocks.push(['said by kernels:', ...complaints].join('\n'));
  if (report.reportsLost > 0) blocks.push(`${report.reportsLost} reports were lost on the serial line`);
  if (report.failure !== null) blocks.push(renderFailure(report.failure));
  return blocks.join('\n\n');
}

/** `184000 → 183500 (-500)` */
function renderDrift([first, last]: readonly [number, number]): string {
  const drift = last - first;
  return `${first} → ${last} (${drift > 0 ? '+' : ''}${drift})`;
}

function renderFailure(failure: SoakFailure): string {
  return [
    `FAILED at switch ${failure.number}, ${failure.from} → ${failure.to}:`,
    ...failure.problems.map((problem) => `  ${problem}`),
    `evidence: ${failure.evidence}`,
    `again:    ${failure.replay}`,
  ].join('\n');
}
