import { mkdirSync, rmSync } from 'node:fs';
import type { StockBenchOptions } from '../options.ts';
import { NAMES, type SnapshotReport, StockPair, type SwitchReport, type Timed, type Which } from './pair.ts';

/** What was measured in one of the two systems. */
export interface SystemSamples {
  readonly kernel: string;
  /** The first one is of a system that was never saved before. */
  readonly snapshots: readonly SnapshotReport[];
  readonly hibernations: readonly Hibernation[];
}

/** By the system's own kernel. */
interface Hibernation {
  readonly hibernateMs: number;
  readonly resumeMs: number;
}

export interface SwitchSample {
  readonly report: SwitchReport;
  readonly hostMs: number;
}

export interface StockSamples {
  readonly systems: Readonly<Record<string, SystemSamples>>;
  readonly switches: readonly SwitchSample[];
  readonly cpus: number;
  readonly emulated: boolean;
}

/**
 * Builds the machine in `directory`, measures, and leaves nothing but its console when something fails. Snapshots,
 * hibernations and switches take turns, so that a host that becomes slower meanwhile slows all of them.
 */
export async function measureStock(
  directory: string,
  options: StockBenchOptions,
  say: (text: string) => void,
): Promise<StockSamples> {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  say('make the machine');
  const pair = await StockPair.make(directory);
  try {
    const kernels = await startBoth(pair, say);
    const systems = kernels.map((kernel): Gathered => ({ kernel, snapshots: [], hibernations: [] }));
    const switches: SwitchSample[] = [];
    for (let round = 0; round < options.roundTrips; round += 1) {
      for (const which of [1, 0] as const) {
        const due = (count: number): number => countInRound(count, round, options.roundTrips);
        for (let left = due(options.snapshots); left > 0; left -= 1)
          systems[which]!.snapshots.push(await snapshot(pair, which, systems[which]!.snapshots.length, say));
        for (let left = due(options.hibernations); left > 0; left -= 1)
          systems[which]!.hibernations.push(await hibernate(pair, which, say));
        switches.push(await switchTo(pair, which === 0 ? 1 : 0, say));
      }
    }
    const cpus = Number(await pair.run('nproc'));
    await pair.machine.cut();
    rmSync(directory, { recursive: true, force: true });
    const named = Object.fromEntries(systems.map((samples, which) => [NAMES[which as Which], samples]));
    return { systems: named, switches, cpus, emulated: true };
  } finally {
    await pair.machine.cut();
  }
}

/** As {@link SystemSamples}, while they are taken. */
interface Gathered {
  readonly kernel: string;
  readonly snapshots: SnapshotReport[];
  readonly hibernations: Hibernation[];
}

/** How many of `count` things are done in a round, when they are spread over all of them. */
export function countInRound(count: number, round: number, rounds: number): number {
  return Math.floor(((round + 1) * count) / rounds) - Math.floor((round * count) / rounds);
}

/** The second one runs then, the first one is parked. Returns the releases of their kernels. */
async function startBoth(pair: StockPair, say: (text: string) => void): Promise<readonly [string, string]> {
  const kernels: [string, string] = ['', ''];
  for (const which of [0, 1] as const) {
    say(`start ${NAMES[which]}`);
    await pair.start(which);
    kernels[which] = await pair.run('uname -r');
    if (which === 0) {
      await pair.run('torpor bank init && torpor parking init /dev/vdd --slots 2 --name debian12');
      await pair.parkAndOff(which);
    } else await pair.run('torpor parking use /dev/vdd --name debian13');
  }
  return kernels;
}

async function snapshot(
  pair: StockPair,
  which: Which,
  index: number,
  say: (text: string) => void,
): Promise<SnapshotReport> {
  const report = await pair.snapshot(`${NAMES[which]}-${index}`);
  say(`snapshot of ${NAMES[which]}: a pause of ${seconds(report.pausedMs)} (${listed(report)})`);
  await pair.requireSame(which);
  return report;
}

async function hibernate(pair: StockPair, which: Which, say: (text: string) => void): Promise<Hibernation> {
  const times = await pair.hibernate(which);
  say(`hibernation of ${NAMES[which]}: ${seconds(times.hibernateMs)}, and ${seconds(times.resumeMs)} back`);
  return times;
}

async function switchTo(pair: StockPair, to: Which, say: (text: string) => void): Promise<SwitchSample> {
  const sample = await pair.switchTo(to);
  say(`to ${NAMES[to]}: ${seconds(sample.report.switchMs)} (${listed(sample.report)})`);
  return sample;
}

const seconds = (ms: number | null): string => (ms === null ? '-' : `${(ms / 1000).toFixed(1)} s`);

const listed = ({ stagesMs }: Timed): string =>
  Object.entries(stagesMs)
    .map(([name, ms]) => `${name} ${seconds(ms)}`)
    .join(', ');
