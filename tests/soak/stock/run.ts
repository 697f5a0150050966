import { join } from 'node:path';
import { runProcess } from '../../../lab/build/run-process.ts';
import type { StockMachine } from '../../lab/stock/stock-machine.ts';
import { Journal } from '../journal.ts';
import { SeededRandom } from '../random.ts';
import { StockDrill } from './drill.ts';
import { describeFailure, keepStockEvidence, type StockFailure } from './failure.ts';
import { renderStockReplay, type StockSoakOptions } from './options.ts';
import { drawRound } from './round.ts';
import type { StockStep } from './step.ts';
import { nameOfStep } from './step.ts';

export interface StockSoakResult {
  readonly steps: readonly StockStep[];
  /** Whole ones. */
  readonly rounds: number;
  /** Programs that an OS cannot run, with their reasons. */
  readonly skipped: readonly string[];
  readonly failure: StockFailure | null;
  readonly elapsedMs: number;
}

/**
 * Rounds until the count is reached, the time is over or something fails; when nothing has failed, both OSes are
 * stopped then and their disks looked at.
 */
export async function runStockSoak(
  machine: StockMachine,
  directory: string,
  options: StockSoakOptions,
  say: (text: string) => void,
): Promise<StockSoakResult> {
  const stamp = new Date().toISOString().replaceAll(/[:.]/g, '-');
  const evidence = join(directory, 'evidence', `stock-${stamp}`);
  const journal = new Journal(join(directory, 'soak.jsonl'), { ...options });
  const random = new SeededRandom(options.seed);
  const steps: StockStep[] = [];
  const drill = new StockDrill(machine, (step) => {
    steps.push(step);
    journal.note(step);
    say(`${step.round}: ${nameOfStep(step)}, ${(step.totalMs / 1000).toFixed(1)} s`);
  });
  const startedMs = performance.now();
  const minutes = (): number => (performance.now() - startedMs) / 60_000;
  let rounds = 0;
  let failure: StockFailure | null = null;
  try {
    await drill.prepare(say);
    for (const line of drill.skipped) say(`not run: ${line}`);
    for (; rounds < options.count && minutes() < options.minutes; rounds += 1) {
      const round = drawRound(random, rounds + 1);
      journal.note(round);
      await drill.round(round);
    }
    await drill.finish();
    drill.doing = 'filesystems after an orderly stop';
    for (const disk of [machine.rootDisk(0), machine.rootDisk(1), machine.bankDisk])
      await runProcess('e2fsck', ['-fn', disk]);
  } catch (error) {
    const replay = renderStockReplay(options, Math.min(rounds + 1, options.count));
    const problems = describeFailure(error);
    failure = { round: Math.min(rounds + 1, options.count), step: drill.doing, problems, replay, evidence };
    say(`${drill.doing} failed: ${problems[0]}`);
    await keepStockEvidence(machine, journal, failure);
  }
  return { steps, rounds, skipped: drill.skipped, failure, elapsedMs: performance.now() - startedMs };
}
