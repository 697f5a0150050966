import type { LabMachine } from '../../../lab/machine/lab-machine.ts';
import { homeOf } from '../../../lab/machine/machine-spec.ts';
import type { BenchOptions } from '../options.ts';
import { PAIR, SLOT_SIZES_MIB, sizedName } from './config.ts';
import { type LoadCount, parseLoad, READ_LOAD, requireProgress, START_LOAD } from './load.ts';
import { goRound, goTo, type Sample } from './ping-pong.ts';
import { setResidents } from './residents.ts';

/** Everything that was measured between resident OSes. */
export interface SwitchSamples {
  /** By the number of resident guests, in the order in which they were measured. */
  readonly byResident: ReadonlyMap<number, readonly Sample[]>;
  readonly bySlotMib: ReadonlyMap<number, readonly Sample[]>;
  readonly load: Readonly<Record<string, LoadCount>>;
}

/** Measures on a machine on which home runs and no guest is resident. */
export async function measureSwitches(
  machine: LabMachine,
  options: BenchOptions,
  say: (text: string) => void,
): Promise<SwitchSamples> {
  for (const os of PAIR) {
    say(`boot ${os}`);
    await machine.boot(os);
  }
  const before = await startLoads(machine, PAIR);
  const byResident = new Map<number, Sample[]>();
  for (const count of options.resident) {
    await setResidents(machine, count, say);
    // The way in is not measured: it begins at home.
    await goTo(machine, PAIR[0]);
    await goTo(machine, PAIR[1]);
    say(`${options.roundTrips} round trips with ${count} resident guests`);
    const samples = await goRound(machine, PAIR, options.roundTrips, (done) => {
      if (done % 10 === 0) say(`${done} of ${options.roundTrips}`);
    });
    byResident.set(count, [...(byResident.get(count) ?? []), ...samples]);
  }
  const load: Record<string, LoadCount> = {};
  for (const os of PAIR) {
    await goTo(machine, os);
    const now = parseLoad(os, await machine.run(['sh', '-c', READ_LOAD]));
    load[os] = requireProgress(os, before.get(os)!, now);
  }
  return {
    byResident,
    load,
    bySlotMib: options.compare ? await measureSlotSizes(machine, options, say) : new Map(),
  };
}

/** In and out of slots of different sizes by turns, so that what else goes on meets them alike. */
async function measureSlotSizes(
  machine: LabMachine,
  options: BenchOptions,
  say: (text: string) => void,
): Promise<Map<number, Sample[]>> {
  const home = homeOf(machine.spec).name;
  const names = SLOT_SIZES_MIB.map(sizedName);
  await setResidents(machine, PAIR.length + names.length, say);
  await startLoads(machine, names);
  await goTo(machine, home);
  const rounds = Math.ceil(options.roundTrips / 2);
  say(`${rounds} round trips to each of ${names.join(' and ')}`);
  const samples = await goRound(
    machine,
    names.flatMap((name) => [name, home]),
    rounds,
  );
  return new Map(
    SLOT_SIZES_MIB.map((mib) => {
      const name = sizedName(mib);
      return [mib, samples.filter(({ report }) => report.from === name || report.to === name)];
    }),
  );
}

async function startLoads(machine: LabMachine, names: readonly string[]): Promise<Map<string, LoadCount>> {
  const counts = new Map<string, LoadCount>();
  for (const os of names) {
    await goTo(machine, os);
    await machine.run(['sh', '-c', START_LOAD], { os });
    const wait =
      'for i in 1 2 3 4 5 6 7 8 9 10; do [ -s /run/torpor-bench/disk ] && [ -s /run/torpor-bench/cpu ] && break; sleep 1; done';
    counts.set(os, parseLoad(os, await machine.run(['sh', '-c', `${wait}; ${READ_LOAD}`])));
  }
  return counts;
}
