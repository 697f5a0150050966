import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TorporError } from '../../../src/base/errors.ts';
import type { StockMachine } from '../../lab/stock/stock-machine.ts';
import { describeError } from '../bank/failure.ts';
import type { Failure } from '../failure.ts';
import type { Journal } from '../journal.ts';

export interface StockFailure extends Failure {
  /** 0: the preparation. */
  readonly round: number;
  /** What was done. */
  readonly step: string;
}

const ASK_MS = 60_000;
const QUESTIONS: Readonly<Record<string, string>> = {
  'status.txt': 'torpor status',
  'dmesg.txt': 'dmesg',
  'processes.txt': 'ps axo pid,ppid,stat,wchan:24,etime,args',
  'snapshots.txt': 'torpor bank ls',
  'journal.txt': 'journalctl -b --no-pager -n 300',
};

/** What an error says, in lines. */
export function describeFailure(error: unknown): string[] {
  if (error instanceof TorporError) return describeError(error);
  return (error instanceof Error ? error.message : String(error)).split('\n');
}

/** First what QEMU knows, because asking the OS changes it; then what the OS says, if it answers. */
export async function keepStockEvidence(
  machine: StockMachine,
  journal: Journal,
  failure: StockFailure,
): Promise<void> {
  const { evidence } = failure;
  mkdirSync(evidence, { recursive: true });
  writeFileSync(join(evidence, 'failure.json'), `${JSON.stringify(failure, null, 2)}\n`);
  copyFileSync(journal.path, join(evidence, 'soak.jsonl'));
  writeFileSync(join(evidence, 'registers.txt'), await machine.examine());
  copyFileSync(machine.consoleFile, join(evidence, 'console.txt'));
  for (const [file, script] of Object.entries(QUESTIONS)) {
    const answer = await machine.run(script, ASK_MS).catch(() => null);
    if (answer === null) return writeFileSync(join(evidence, 'no-answer.txt'), `to “${script}”\n`);
    writeFileSync(join(evidence, file), `${answer.output}\n`);
  }
}
