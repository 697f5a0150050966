import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { TorporError } from '../../../src/base/errors.ts';
import { parseCount } from '../bank/options.ts';

export interface StockSoakOptions {
  /** Rounds: each has a snapshot, a restore and a switch. */
  readonly count: number;
  /** No round begins later. */
  readonly minutes: number;
  readonly seed: number;
  /** Leave the machine as it is after a failure. */
  readonly keep: boolean;
  readonly json: boolean;
}

export const STOCK_USAGE = `usage: npm run soak -- stock [--count N] [--minutes M] [--seed S] [--keep] [--json]

Debian 12 and Debian 13 with their own kernels on one machine. N rounds (100), each a snapshot of the one
that runs, a restore (in place, after a power cut, of an older snapshot, of the other Debian) and a switch
to the other one; each time what lives in its memory and on its disk is verified. Ends at the first failure.

  --minutes M  begin no round after so many minutes
  --seed S     the same rounds again
  --keep       after a failure, leave the machine as it is
  --json       print the result as JSON`;

/** Throws E_USAGE. */
export function parseStockOptions(argv: readonly string[]): StockSoakOptions {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        count: { type: 'string', default: '100' },
        minutes: { type: 'string' },
        seed: { type: 'string' },
        keep: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    });
    if (positionals.join() !== 'stock') throw new Error('the soak of stock systems is “stock”');
    return {
      count: parseCount('--count', values.count, 1),
      minutes:
        values.minutes === undefined ? Number.POSITIVE_INFINITY : parseCount('--minutes', values.minutes, 1),
      seed: values.seed === undefined ? randomInt(2 ** 32) : parseCount('--seed', values.seed, 0),
      keep: values.keep,
      json: values.json,
    };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new TorporError('E_USAGE', message, { hint: STOCK_USAGE.split('\n')[0]!, cause });
  }
}

/** A command that draws the same rounds again. */
export function renderStockReplay({ seed }: StockSoakOptions, rounds: number): string {
  return `npm run soak -- stock --seed ${seed} --count ${rounds}`;
}
