import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LabMachine } from '../../../lab/machine/lab-machine.ts';
import { TORPOR } from '../../../lab/machine/shut-down.ts';
import { TorporError } from '../../../src/base/errors.ts';
import { type Failure, keepEvidence } from '../failure.ts';
import type { Journal } from '../journal.ts';

export interface BankFailure extends Failure {
  /** The number of the step. */
  readonly number: number;
  /** What was done. */
  readonly step: string;
}

const ASK_MS = 60_000;

/** What an error says, in lines. An error that is no TorporError is a defect of the soak itself: thrown again. */
export function describeError(error: unknown): string[] {
  if (!(error instanceof TorporError)) throw error;
  return [`${error.code}: ${error.message}`, ...Object.entries(error.facts).map(([k, v]) => `${k}: ${v}`)];
}

/** Keeps what a soak of switches keeps, and what the bank says of itself. */
export async function keepBankEvidence(
  machine: LabMachine,
  journal: Journal,
  failure: BankFailure,
): Promise<void> {
  const { number, step, problems, replay, evidence } = failure;
  await keepEvidence(machine, journal, { number, from: step, to: step, problems, replay, evidence });
  const questions: Record<string, readonly string[]> = {
    'bank.json': [TORPOR, 'bank', 'ls', '--json'],
    'bank-verify.json': [TORPOR, 'bank', 'verify', '--json'],
    'bank-files.txt': ['sh', '-c', 'cd /var/lib/torpor/bank && find . -type f | xargs ls -l; cat index.json'],
  };
  for (const [file, argv] of Object.entries(questions)) {
    const said = await machine
      .exec(argv, { timeoutMs: ASK_MS })
      .catch((error) => ({ stdout: `${error}\n`, stderr: '' }));
    writeFileSync(join(evidence, file), `${said.stdout}${said.stderr}`);
  }
}
