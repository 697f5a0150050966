import { renderTable } from '../../../src/cli/output.ts';
import { median, roundMs, type Summary, summarize } from '../statistics.ts';
import type { StockSamples, SwitchSample, SystemSamples } from './measure.ts';

type Phases = Readonly<Record<string, number>>;

/** Of one system; times in ms. */
export interface SystemResult {
  readonly kernel: string;
  readonly firstPauseMs: number;
  /** Medians of all its snapshots. */
  readonly pauseMs: number;
  readonly pausePhasesMs: Phases;
  /** Medians; null when it was not hibernated. */
  readonly hibernateMs: number | null;
  readonly resumeMs: number | null;
}

/** What `bench -- stock --json` prints. */
export interface StockBenchResult {
  /** How long a system stood still for a snapshot: the mean of the systems' medians. */
  readonly pauseMs: number;
  /** There and back: the medians of both directions together. */
  readonly switchMs: number;
  /** The stages of both directions together, medians (docs/formats/parking.md). */
  readonly phasesMs: Phases;
  /** From the write to /sys/power/state until the machine is off: the mean of the systems' medians; null with --quick. */
  readonly hibernateMs: number | null;
  /** From power-on until the program that wrote goes on. */
  readonly resumeMs: number | null;
  readonly systems: Readonly<Record<string, SystemResult>>;
  /** By the time stamp counter. */
  readonly directions: Readonly<Record<string, Summary & { readonly phasesMs: Phases }>>;
  /** From the host's request to the other system's answer. */
  readonly hostMs: Summary;
  /** The aims, each as what was reached of it: at most 1 is wanted. That of the switch is said in words that have two readings. */
  readonly ratios: Readonly<Record<string, number>>;
  readonly cpus: number;
  /** Times of an emulated machine are not those of metal; ratios within one run are comparable. */
  readonly emulated: boolean;
}

export function summarizeStock({ systems, switches, cpus, emulated }: StockSamples): StockBenchResult {
  const bySystem = Object.fromEntries(
    Object.entries(systems).map(([name, samples]) => [name, summarizeSystem(samples)]),
  );
  const results = Object.values(bySystem);
  const byDirection = Map.groupBy(switches, ({ report }) => `${report.from ?? '?'} → ${report.os}`);
  const directions = Object.fromEntries(
    [...byDirection].map(([name, of]) => [name, { ...summarize(totals(of)), phasesMs: phasesOf(of) }]),
  );
  const pauseMs = mean(results.map((result) => result.pauseMs));
  const switchMs = sum([...byDirection.values()].map((of) => median(totals(of))));
  const hibernateMs = meanOrNull(results.map((result) => result.hibernateMs));
  const resumeMs = meanOrNull(results.map((result) => result.resumeMs));
  return {
    pauseMs: roundMs(pauseMs),
    switchMs: roundMs(switchMs),
    phasesMs: addPhases(Object.values(directions).map(({ phasesMs }) => phasesMs)),
    hibernateMs: hibernateMs && roundMs(hibernateMs),
    resumeMs: resumeMs && roundMs(resumeMs),
    systems: bySystem,
    directions,
    hostMs: summarize(switches.map(({ hostMs }) => hostMs)),
    ratios: {
      ...(hibernateMs === null ? {} : { 'pauseMs / (0.5 × hibernateMs)': share(pauseMs, 0.5 * hibernateMs) }),
      ...(hibernateMs === null || resumeMs === null
        ? {}
        : {
            'switchMs / (0.5 × (hibernateMs + resumeMs))': share(switchMs, 0.5 * (hibernateMs + resumeMs)),
            'switchMs / (0.5 × hibernateMs + resumeMs)': share(switchMs, 0.5 * hibernateMs + resumeMs),
          }),
    },
    cpus,
    emulated,
  };
}

function summarizeSystem({ kernel, snapshots, hibernations }: SystemSamples): SystemResult {
  const pauses = snapshots.map(({ pausedMs }) => pausedMs);
  const medianOf = (values: readonly number[]): number | null =>
    values.length === 0 ? null : roundMs(median(values));
  return {
    kernel,
    firstPauseMs: roundMs(pauses[0] ?? Number.NaN),
    pauseMs: roundMs(median(pauses)),
    pausePhasesMs: medianPhases(snapshots.map(({ stagesMs }) => stagesMs)),
    hibernateMs: medianOf(hibernations.map(({ hibernateMs }) => hibernateMs)),
    resumeMs: medianOf(hibernations.map(({ resumeMs }) => resumeMs)),
  };
}

/** A switch whose time nobody could tell is left out. */
function totals(samples: readonly SwitchSample[]): number[] {
  return samples.flatMap(({ report }) => (report.switchMs === null ? [] : [report.switchMs]));
}

const phasesOf = (samples: readonly SwitchSample[]): Phases =>
  medianPhases(samples.map(({ report }) => report.stagesMs));

function medianPhases(all: readonly Phases[]): Phases {
  const names = [...new Set(all.flatMap((phases) => Object.keys(phases)))];
  const of = (name: string): number[] => all.flatMap((phases) => phases[name] ?? []);
  return Object.fromEntries(names.map((name) => [name, roundMs(median(of(name)))]));
}

function addPhases(all: readonly Phases[]): Phases {
  const names = [...new Set(all.flatMap((phases) => Object.keys(phases)))];
  return Object.fromEntries(
    names.map((name) => [name, roundMs(sum(all.map((phases) => phases[name] ?? 0)))]),
  );
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;
const share = (value: number, aim: number): number => Math.round((100 * value) / aim) / 100;

function meanOrNull(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : mean(known);
}

export function renderStock(result: StockBenchResult): string {
  const seconds = (ms: number | null): string => (ms === null ? '-' : `${(ms / 1000).toFixed(1)} s`);
  const listed = (phases: Phases): string =>
    Object.entries(phases)
      .map(([name, ms]) => `${name}: ${seconds(ms)}`)
      .join(', ');
  const where = `${result.cpus} CPUs${result.emulated ? ', emulated' : ''}`;
  return [
    `Debian 12 and Debian 13 as they are installed, ${where}`,
    '',
    renderTable(
      ['', 'KERNEL', 'FIRST PAUSE', 'PAUSE', 'HIBERNATION', 'BACK'],
      Object.entries(result.systems).map(([name, of]) => [
        name,
        of.kernel,
        ...[of.firstPauseMs, of.pauseMs, of.hibernateMs, of.resumeMs].map(seconds),
      ]),
    ),
    ...Object.entries(result.systems).map(([name, of]) => `pause of ${name}: ${listed(of.pausePhasesMs)}`),
    '',
    renderTable(
      ['SWITCH', 'P50', 'MAX'],
      Object.entries(result.directions).map(([name, of]) => [name, seconds(of.p50Ms), seconds(of.maxMs)]),
    ),
    `there and back ${seconds(result.switchMs)}: ${listed(result.phasesMs)}`,
    ...(Object.keys(result.ratios).length === 0
      ? []
      : [
          '',
          renderTable(
            ['AIM (at most 1)', ''],
            Object.entries(result.ratios).map(([name, value]) => [name, value.toFixed(2)]),
          ),
        ]),
  ].join('\n');
}
