import { renderTable } from '../../../src/cli/output.ts';
import { median, roundMs, type Summary, summarize } from '../statistics.ts';
import type { Comparison } from './comparison.ts';
import type { LoadCount } from './load.ts';
import type { SwitchSamples } from './measure.ts';
import type { Sample } from './ping-pong.ts';

const PHASES = ['freeze', 'devices', 'cpus', 'jump', 'resume'] as const;
const RESUME_PARTS = ['cpus', 'devices', 'tasks'] as const;

/** What `--json` prints. Times are those of one switch; a round trip has two. */
export interface BenchResult extends Omit<Summary, 'count'> {
  readonly switches: number;
  /** Medians. docs/switch-phases.md says where each begins and ends. */
  readonly phasesMs: Record<(typeof PHASES)[number], number>;
  /** Parts of `resume`, medians. */
  readonly resumeMs: Record<(typeof RESUME_PARTS)[number], number>;
  /** From the host's request to the other OS's answer: with the sync before and the messages. */
  readonly hostMs: Summary;
  readonly directions: Readonly<Record<string, Summary>>;
  readonly p50MsByResident: Readonly<Record<string, number>>;
  readonly p50MsBySlotMiB: Readonly<Record<string, number>>;
  /** Null with --quick, as the others that compare. */
  readonly hibernateResumeMs: number | null;
  readonly hibernateMs: number | null;
  readonly resumeFromDiskMs: number | null;
  readonly rebootMs: number | null;
  /** hibernateResumeMs / p50Ms */
  readonly timesFasterThanHibernation: number | null;
  readonly load: Readonly<Record<string, LoadCount>>;
  readonly cpus: number;
  /** Times of an emulated machine are not those of metal; ratios within one run are comparable. */
  readonly emulated: boolean;
}

/** The figures proper are those with the first number of residents. */
export function summarizeBench(
  samples: SwitchSamples,
  comparison: Comparison | null,
  machine: { readonly cpus: number; readonly emulated: boolean },
): BenchResult {
  const main = [...samples.byResident.values()][0]!;
  const { count, ...total } = summarize(totals(main));
  const wholeMs = comparison === null ? null : comparison.hibernateMs + comparison.resumeMs;
  const directions = Map.groupBy(main, ({ report }) => `${report.from} → ${report.to}`);
  return {
    ...total,
    switches: count,
    phasesMs: medians(
      PHASES,
      main.map(({ report }) => report.phasesMs),
    ),
    resumeMs: medians(
      RESUME_PARTS,
      main.map(({ report }) => report.resumeMs),
    ),
    hostMs: summarize(main.map(({ hostMs }) => hostMs)),
    directions: mapValues(directions, (of) => summarize(totals(of))),
    p50MsByResident: mapValues(samples.byResident, (of) => roundMs(median(totals(of)))),
    p50MsBySlotMiB: mapValues(samples.bySlotMib, (of) => roundMs(median(totals(of)))),
    hibernateResumeMs: roundNullable(wholeMs),
    hibernateMs: roundNullable(comparison?.hibernateMs ?? null),
    resumeFromDiskMs: roundNullable(comparison?.resumeMs ?? null),
    rebootMs: roundNullable(comparison?.rebootMs ?? null),
    timesFasterThanHibernation: wholeMs === null ? null : Math.round(wholeMs / total.p50Ms),
    load: samples.load,
    ...machine,
  };
}

function totals(samples: readonly Sample[]): number[] {
  return samples.map(({ report }) => report.totalMs);
}

/** The median of each part; a switch whose kernel log could not tell its parts is left out. */
function medians<K extends string>(
  names: readonly K[],
  parts: readonly (Record<K, number> | null)[],
): Record<K, number> {
  const known = parts.filter((part) => part !== null);
  const entries = names.map((name) => [name, roundMs(median(known.map((part) => part[name])))]);
  return Object.fromEntries(entries) as Record<K, number>;
}

function mapValues<K extends string | number, V, R>(map: ReadonlyMap<K, V>, change: (value: V) => R) {
  return Object.fromEntries([...map].map(([key, value]) => [key, change(value)])) as Record<string, R>;
}

function roundNullable(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms);
}

export function renderBench(result: BenchResult): string {
  const row = (name: string, of: Omit<Summary, 'count'>): string[] => [
    name,
    ...[of.p50Ms, of.p95Ms, of.p99Ms, of.maxMs].map((ms) => ms.toFixed(1)),
  ];
  const listed = (values: Readonly<Record<string, number>>): string =>
    Object.entries(values)
      .map(([name, ms]) => `${name}: ${ms.toFixed(1)}`)
      .join(', ');
  const where = `${result.cpus} CPUs${result.emulated ? ', emulated' : ''}`;
  const lines = [
    `${result.switches} switches under load, ${where}`,
    '',
    renderTable(
      ['ms', 'p50', 'p95', 'p99', 'max'],
      [
        row('switch', result),
        ...Object.entries(result.directions).map(([name, of]) => row(name, of)),
        row('seen by the host', result.hostMs),
      ],
    ),
    '',
    `phases, medians in ms: ${listed(result.phasesMs)}`,
    `of resume: ${listed(result.resumeMs)}`,
    `p50 by resident guests: ${listed(result.p50MsByResident)}`,
  ];
  if (Object.keys(result.p50MsBySlotMiB).length > 0) {
    lines.push(`p50 by slot size in MiB: ${listed(result.p50MsBySlotMiB)}`);
  }
  if (result.hibernateResumeMs !== null) {
    const seconds = (ms: number | null): string => `${((ms ?? 0) / 1000).toFixed(1)} s`;
    lines.push(
      `hibernation: ${seconds(result.hibernateResumeMs)} (${seconds(result.hibernateMs)} to sleep, ` +
        `${seconds(result.resumeFromDiskMs)} back), a switch is ${result.timesFasterThanHibernation} times faster`,
      `reboot: ${seconds(result.rebootMs)}`,
    );
  }
  return lines.join('\n');
}
