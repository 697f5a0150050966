import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { TorporError } from '../../../src/base/errors.ts';

export interface BankSoakOptions {
  readonly kind: 'restore' | 'bank-cuts';
  /** Restores, or power cuts. */
  readonly count: number;
  readonly seed: number;
  /** A lab configuration; null for the soak's own. */
  readonly config: string | null;
  /** Leave the machine as it is after a failure. */
  readonly keep: boolean;
  readonly json: boolean;
}

export const BANK_USAGE = `usage: npm run soak -- restore   [--count N] [--seed S] [--config FILE] [--keep] [--json]
       npm run soak -- bank-cuts [--count N] [--seed S] [--config FILE] [--keep] [--json]

restore: OSes are brought back from the bank N times (200), by turns after a power cut and in place
over the same OS that has gone on meanwhile; each time what lives in its memory and on its disk is
that of the snapshot.

bank-cuts: the power fails N times (100) at random moments of taking, restoring and pruning snapshots;
each time the bank holds what was complete, all of it verifies, and an OS is restored from it.

  --seed S       the same sequence again
  --config FILE  a lab configuration, as for torpor lab up
  --keep         after a failure, leave the machine as it is
  --json         print the result as JSON`;

const COUNTS = { restore: '200', 'bank-cuts': '100' } as const;

/** Throws E_USAGE. */
export function parseBankOptions(argv: readonly string[]): BankSoakOptions {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        count: { type: 'string' },
        seed: { type: 'string' },
        config: { type: 'string' },
        keep: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    });
    const kind = positionals.join();
    if (kind !== 'restore' && kind !== 'bank-cuts')
      throw new Error('a soak of the bank is “restore” or “bank-cuts”');
    return {
      kind,
      count: parseCount('--count', values.count ?? COUNTS[kind], 1),
      seed: values.seed === undefined ? randomInt(2 ** 32) : parseCount('--seed', values.seed, 0),
      config: values.config ?? null,
      keep: values.keep,
      json: values.json,
    };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new TorporError('E_USAGE', message, { hint: BANK_USAGE.split('\n')[0]!, cause });
  }
}

/** A whole number of an option. Throws what its caller makes E_USAGE. */
export function parseCount(name: string, text: string, least: number): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= least) return value;
  throw new Error(`${name} is “${text}”, not a whole number from ${least} on`);
}

/** A command that draws the same sequence again. */
export function renderBankReplay(options: BankSoakOptions, count: number): string {
  const config = options.config === null ? '' : ` --config ${options.config}`;
  return `npm run soak -- ${options.kind} --seed ${options.seed} --count ${count}${config}`;
}
