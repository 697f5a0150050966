import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LabMachine } from '../../lab/machine/lab-machine.ts';
import { TorporError } from '../../src/base/errors.ts';
import { keepEvidence, renderReplay, type SoakFailure } from './failure.ts';
import { Journal } from './journal.ts';
import { judge, judgeTime } from './judge.ts';
import type { SoakOptions } from './options.ts';
import { SeededRandom } from './random.ts';
import { askWitness, bundleWitness, startWitness } from './witness.ts';

const SWITCH_MS = 60_000;
const MAX_DWELL_MS = 500;
/** One switch in so many follows at once on the one before. */
const HURRY_SHARE = 0.2;

export interface SoakResult {
  readonly journal: Journal;
  readonly failure: SoakFailure | null;
  readonly elapsedMs: number;
}

/** Starts a witness in every OS, then switches at random until the time is over or something fails. */
export async function runSoak(
  machine: LabMachine,
  options: SoakOptions,
  say: (text: string) => void,
): Promise<SoakResult> {
  const names = machine.spec.oses.map((os) => os.name);
  const stamp = new Date().toISOString().replaceAll(/[:.]/g, '-');
  const evidence = join(machine.state.directory, 'evidence', `soak-${stamp}`);
  const journal = new Journal(join(machine.state.directory, 'soak.jsonl'), { ...options, names });
  const random = new SeededRandom(options.seed);
  await startWitnesses(machine, journal, say);

  const startedMs = performance.now();
  const elapsedMs = (): number => performance.now() - startedMs;
  let current = (await machine.ping()).os;
  for (let number = 1; number <= options.switches && elapsedMs() < options.minutes * 60_000; number += 1) {
    const from = current;
    // Both are drawn in any case, so that the sequence depends on nothing but the seed.
    const to = random.pick(names.filter((name) => name !== from));
    const dwellMs = random.next() < HURRY_SHARE ? 0 : Math.round(random.next() * MAX_DWELL_MS);
    await sleep(dwellMs);
    const problems = await visit(machine, journal, { number, from, to, dwellMs });
    if (problems.length > 0) {
      const replay = renderReplay(options, number);
      const failure = { number, from, to, problems, replay, evidence };
      say(`switch ${number}, ${from} → ${to}, failed: ${problems[0]}`);
      await keepEvidence(machine, journal, failure);
      return { journal, failure, elapsedMs: elapsedMs() };
    }
    current = to;
    if (number % 25 === 0) say(`${number} switches in ${(elapsedMs() / 60_000).toFixed(1)} min`);
  }
  return { journal, failure: null, elapsedMs: elapsedMs() };
}

/** Goes round once and starts a witness in every OS. */
async function startWitnesses(
  machine: LabMachine,
  journal: Journal,
  say: (text: string) => void,
): Promise<void> {
  const program = await bundleWitness();
  for (const os of machine.spec.oses) {
    if ((await machine.ping()).os !== os.name) await machine.switchTo(os.name, { timeoutMs: SWITCH_MS });
    journal.addVisit(os.name, await startWitness(machine, os, program));
    say(`load and witness run in ${os.name}`);
  }
}

/** One switch and what the arriving OS finds. Returns its problems. */
async function visit(
  machine: LabMachine,
  journal: Journal,
  step: { number: number; from: string; to: string; dwellMs: number },
): Promise<string[]> {
  try {
    const { report, hostMs } = await machine.switchTo(step.to, { timeoutMs: SWITCH_MS });
    journal.add({ ...step, hostMs, report });
    const before = journal.last.get(step.to)!;
    const now = await askWitness(machine);
    journal.addVisit(step.to, now);
    return [...judgeTime(report, hostMs), ...judge(step.to, before, now)];
  } catch (error) {
    if (!(error instanceof TorporError)) throw error;
    return [`${error.code}: ${error.message}`, ...Object.entries(error.facts).map(([k, v]) => `${k}: ${v}`)];
  }
}
