import { mkdirSync, rmSync } from 'node:fs';
import type { StockBenchOptions } from '../options.ts';
import { NAMES, type SnapshotReport, StockPair, type SwitchReport, type Timed, type Which } from './pair.ts';

/** What was measured in one of the two systems. */
export interface SystemSamples {
  readonly kernel: string;
  /** The first one is of a system that was never saved before. */
  readonly snapshots: readonly SnapshotReport[];
  readonly hibernations: readonly { readonly hibernateMs: number; readonly resumeMs: number }[];
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

/** Builds the machine in `directory`, measures, and leaves nothing but its console when something fails. */
export async function measureStock(
  directory: string,
  options: StockBenchOptions,
  say: (text: string) => void,
): Promise<StockSamples> {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  say('make the machine');
  const pair = await StockPair.make(directory);
  const end = (): void => void pair.machine.cut().finally(() => process.exit(130));
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  try {
    const systems: Record<string, SystemSamples> = {};
    for (const which of [0, 1] as const) {
      say(`start ${NAMES[which]}`);
      await pair.start(which);
      if (which === 0)
        await pair.run('torpor bank init && torpor parking init /dev/vdd --slots 2 --name debian12');
      else await pair.run('torpor parking use /dev/vdd --name debian13');
      systems[NAMES[which]] = await measureSystem(pair, which, options, say);
      if (which === 0) await pair.parkAndOff(which);
    }
    const switches: SwitchSample[] = [];
    for (let round = 0; round < options.roundTrips; round += 1) {
      for (const to of [0, 1] as const) {
        const sample = await pair.switchTo(to);
        say(`to ${NAMES[to]}: ${seconds(sample.report.switchMs)} (${listed(sample.report)})`);
        switches.push(sample);
      }
    }
    const cpus = Number(await pair.run('nproc'));
    await pair.machine.cut();
    rmSync(directory, { recursive: true, force: true });
    return { systems, switches, cpus, emulated: true };
  } finally {
    process.off('SIGINT', end);
    process.off('SIGTERM', end);
    await pair.machine.cut();
  }
}

async function measureSystem(
  pair: StockPair,
  which: Which,
  options: StockBenchOptions,
  say: (text: string) => void,
): Promise<SystemSamples> {
  const kernel = await pair.run('uname -r');
  const snapshots: SnapshotReport[] = [];
  for (let index = 0; index < options.snapshots; index += 1) {
    const report = await pair.snapshot(`${NAMES[which]}-${index}`);
    say(`snapshot: a pause of ${seconds(report.pausedMs)} (${listed(report)})`);
    snapshots.push(report);
  }
  await pair.requireSame(which);
  const hibernations: { hibernateMs: number; resumeMs: number }[] = [];
  for (let index = 0; index < options.hibernations; index += 1) {
    const times = await pair.hibernate(which);
    say(`hibernation: ${seconds(times.hibernateMs)}, and ${seconds(times.resumeMs)} back`);
    hibernations.push(times);
  }
  return { kernel, snapshots, hibernations };
}

const seconds = (ms: number | null): string => (ms === null ? '-' : `${(ms / 1000).toFixed(1)} s`);

const listed = ({ stagesMs }: Timed): string =>
  Object.entries(stagesMs)
    .map(([name, ms]) => `${name} ${seconds(ms)}`)
    .join(', ');
