import { parseArgs } from 'node:util';
import { TorporError } from '../../src/base/errors.ts';

export interface BenchOptions {
  readonly roundTrips: number;
  /** With how many resident guests the switches are measured, in this order. */
  readonly resident: readonly number[];
  /** Also against hibernation, a reboot and other sizes of slots. */
  readonly compare: boolean;
  readonly json: boolean;
}

export interface BankBenchOptions {
  /** Two days instead of ten, nothing to compare with: to see that it works. */
  readonly quick: boolean;
  readonly json: boolean;
}

export interface StockBenchOptions {
  /** Of each system. */
  readonly snapshots: number;
  readonly roundTrips: number;
  /** Of each system, by its own kernel; 0: nothing to compare with. */
  readonly hibernations: number;
  readonly json: boolean;
}

export const BANK_USAGE = `usage: npm run -s bench -- bank [--json] [--quick]

In one run on one lab machine: the pause of a first and of a second snapshot of a working Debian 12,
its restore, the bytes that they take, beside dd of as many bytes on the same disk, the hibernation of
the same OS, makedumpfile of its memory, ten daily snapshots; and the bank's stages on this host itself.`;

export const STOCK_USAGE = `usage: npm run -s bench -- stock [--json] [--snapshots 3] [--round-trips 9] [--hibernations 3] [--quick]

On one machine with Debian 12 and Debian 13 as they are installed, kernels and all: the pause of
snapshots and the time of switches between them, by stages, and by turns with these the hibernation of both
by their own kernels to a swap disk, and their resumption.

  --snapshots N     of each system
  --round-trips N   there and back; more than hibernations, because a switch on a machine that has just been turned on
                    takes longer (an emulator has all code to translate again)
  --hibernations N  of each system
  --quick           two snapshots, one round trip and nothing to compare with, to see that it works
  --json            one JSON object on standard output`;

export const USAGE = `usage: npm run -s bench -- switch [--json] [--round-trips 60] [--resident 2,7] [--quick]

Times round trips between Debian 12 and Debian 13 in the lab, both with a busy processor and a disk
that is written to, and in the same run: the same Debian 12 hibernated and resumed by its own
kernel, the same rebooted, more resident OSes, and slots of other sizes.

  --round-trips N  for each number of resident OSes
  --resident A,B   numbers of resident guests; a number given twice is measured twice
  --quick          5 round trips with 2 residents and nothing to compare with, to see that it works
  --json           one JSON object on standard output`;

/** The memory below 640 KiB has low slices for so many slots. */
const MAX_RESIDENT = 8;

/** Throws E_USAGE. */
export function parseBankBenchOptions(argv: readonly string[]): BankBenchOptions {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: { quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
    });
    if (positionals.join() !== 'bank') throw new Error('name one bench');
    return { quick: values.quick, json: values.json };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new TorporError('E_USAGE', message, { hint: BANK_USAGE.split('\n')[0]!, cause });
  }
}

/** Throws E_USAGE. */
export function parseStockBenchOptions(argv: readonly string[]): StockBenchOptions {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        snapshots: { type: 'string' },
        'round-trips': { type: 'string' },
        hibernations: { type: 'string' },
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    });
    if (positionals.join() !== 'stock') throw new Error('name one bench');
    const { quick, json } = values;
    const count = (
      name: 'snapshots' | 'round-trips' | 'hibernations',
      usual: string,
      least: number,
    ): number => parseCount(`--${name}`, values[name] ?? usual, least, 1000);
    return {
      snapshots: count('snapshots', quick ? '2' : '3', 1),
      roundTrips: count('round-trips', quick ? '1' : '9', 1),
      hibernations: count('hibernations', quick ? '0' : '3', 0),
      json,
    };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new TorporError('E_USAGE', message, { hint: STOCK_USAGE.split('\n')[0]!, cause });
  }
}

/** Throws E_USAGE. */
export function parseOptions(argv: readonly string[]): BenchOptions {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        'round-trips': { type: 'string' },
        resident: { type: 'string' },
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    });
    if (positionals.join() !== 'switch')
      throw new Error('the benches are “switch”, “bank”, “stock” and “pipeline”');
    const { quick, json } = values;
    return {
      roundTrips: parseCount('--round-trips', values['round-trips'] ?? (quick ? '5' : '60'), 1, 100_000),
      resident: (values.resident ?? (quick ? '2' : '2,7'))
        .split(',')
        .map((text) => parseCount('--resident', text, 2, MAX_RESIDENT)),
      compare: !quick,
      json,
    };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new TorporError('E_USAGE', message, { hint: USAGE.split('\n')[0]!, cause });
  }
}

function parseCount(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw new Error(`${name}: “${text}” is not a whole number from ${least} to ${most}`);
}
