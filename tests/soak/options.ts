import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { TorporError } from '../../src/base/errors.ts';

export interface SoakOptions {
  readonly minutes: number;
  /** The soak ends after so many, whatever the time. */
  readonly switches: number;
  readonly seed: number;
  /** A lab configuration; null for the soak's own. */
  readonly config: string | null;
  /** Leave the machine as it is after a failure. */
  readonly keep: boolean;
  readonly json: boolean;
}

export const USAGE = `usage: npm run soak -- switch [--minutes N] [--switches M] [--seed S] [--config FILE] [--keep] [--json]

Random switches among all OSes under load; after each, the OS that runs verifies its memory, its
files, its connection and its kernel log. Ends after N minutes (10) or M switches, or at the first
failure, whose evidence is kept.

  --seed S       the same sequence of OSes and pauses again
  --config FILE  a lab configuration, as for torpor lab up (default: monitor, tiny, debian12, debian13)
  --keep         after a failure, leave the machine as it is
  --json         print the result as JSON`;

/** Throws E_USAGE. */
export function parseOptions(argv: readonly string[]): SoakOptions {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        minutes: { type: 'string' },
        switches: { type: 'string' },
        seed: { type: 'string' },
        config: { type: 'string' },
        keep: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    });
    if (positionals.join() !== 'switch') throw new Error('the soak that exists is “switch”');
    const limited = values.minutes === undefined && values.switches !== undefined;
    return {
      minutes: limited ? Number.POSITIVE_INFINITY : parseNumber('--minutes', values.minutes ?? '10'),
      switches:
        values.switches === undefined ? Number.POSITIVE_INFINITY : parseNumber('--switches', values.switches),
      seed: values.seed === undefined ? randomInt(2 ** 32) : parseNumber('--seed', values.seed),
      config: values.config ?? null,
      keep: values.keep,
      json: values.json,
    };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new TorporError('E_USAGE', message, { hint: USAGE.split('\n')[0]!, cause });
  }
}

function parseNumber(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && Number.isFinite(value)) return value;
  throw new Error(`${name} is “${text}”, not a number`);
}
