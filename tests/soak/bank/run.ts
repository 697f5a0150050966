import { join } from 'node:path';
import type { LabMachine } from '../../../lab/machine/lab-machine.ts';
import { CutDrill, type CutStep } from '../../lab/bank/cut-drill.ts';
import { Journal } from '../journal.ts';
import { SeededRandom } from '../random.ts';
import { type BankFailure, describeError, keepBankEvidence } from './failure.ts';
import { type BankSoakOptions, renderBankReplay } from './options.ts';
import { RestoreDrill, type RestoreStep } from './restores.ts';

export interface BankSoakResult {
  readonly steps: readonly (RestoreStep | CutStep)[];
  readonly failure: BankFailure | null;
  readonly elapsedMs: number;
}

/** What one step did, and what was wrong. */
interface Outcome {
  readonly done: RestoreStep | CutStep;
  readonly problems: readonly string[];
}

/** Restores, or cuts, until the count is reached or something fails. */
export async function runBankSoak(
  machine: LabMachine,
  options: BankSoakOptions,
  say: (text: string) => void,
): Promise<BankSoakResult> {
  const stamp = new Date().toISOString().replaceAll(/[:.]/g, '-');
  const evidence = join(machine.state.directory, 'evidence', `${options.kind}-${stamp}`);
  const journal = new Journal(join(machine.state.directory, 'soak.jsonl'), { ...options });
  const random = new SeededRandom(options.seed);
  const steps: (RestoreStep | CutStep)[] = [];
  const startedMs = performance.now();
  const fail = async (number: number, step: string, problems: readonly string[]): Promise<BankSoakResult> => {
    const replay = renderBankReplay(options, Math.max(1, number));
    const failure = { number, step, problems, replay, evidence };
    say(`${step} ${number} failed: ${problems[0]}`);
    await keepBankEvidence(machine, journal, failure);
    return { steps, failure, elapsedMs: performance.now() - startedMs };
  };
  let step: (number: number) => Promise<Outcome>;
  try {
    step = await prepareSteps(machine, options, journal, random, say);
  } catch (error) {
    return await fail(0, 'preparation', describeError(error));
  }
  for (let number = 1; number <= options.count; number += 1) {
    let outcome: Outcome;
    try {
      outcome = await step(number);
    } catch (error) {
      return await fail(number, options.kind, describeError(error));
    }
    steps.push(outcome.done);
    journal.note(outcome.done);
    if (outcome.problems.length > 0) return await fail(number, options.kind, outcome.problems);
    if (number % 10 === 0)
      say(`${number} of ${options.count} in ${((performance.now() - startedMs) / 60_000).toFixed(1)} min`);
  }
  return { steps, failure: null, elapsedMs: performance.now() - startedMs };
}

async function prepareSteps(
  machine: LabMachine,
  options: BankSoakOptions,
  journal: Journal,
  random: SeededRandom,
  say: (text: string) => void,
): Promise<(number: number) => Promise<Outcome>> {
  if (options.kind === 'restore') {
    const drill = new RestoreDrill(machine, journal, random);
    await drill.prepare(say);
    return (number) => drill.step(number);
  }
  // The smallest OS: what is tested is the bank, and it is soonest in the middle of something again.
  const drill = new CutDrill(machine, random, machine.spec.oses[1]!.name);
  await drill.prepare();
  say(`without a cut: ${JSON.stringify(drill.durationsMs)} ms`);
  return async () => {
    const done = await drill.step();
    return { done, problems: done.problems };
  };
}
