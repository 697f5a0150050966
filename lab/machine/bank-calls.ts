import * as z from 'zod';
import { wireErrorSchema } from '../../src/agent/protocol.ts';
import { TorporError } from '../../src/base/errors.ts';
import { type ExecResult, execInOs, type Pong, pingAgent } from './agent-calls.ts';
import { type AgentClient, errorFromWire } from './agent-client.ts';
import { execAway } from './exec-away.ts';
import { TORPOR } from './shut-down.ts';

/** Emulated, a bank takes in some ten megabytes a second, and disks have gigabytes. */
const BANK_MS = 1_800_000;

export interface SnapshotOptions {
  readonly tag?: string;
  readonly note?: string;
  readonly timeoutMs?: number;
}

export interface RestoreOptions {
  readonly slot?: number;
  /** Reads everything back and compares it with the snapshot. */
  readonly check?: boolean;
  readonly timeoutMs?: number;
}

/** What a command prints with `--json`. */
export type Printed = Readonly<Record<string, unknown>>;

/**
 * Has the running OS save `os`, itself when null, with `torpor snapshot`; answers when the OS that
 * was asked runs again. Throws what the command says.
 */
export async function takeSnapshot(
  agent: AgentClient,
  os: string | null,
  { tag, note, timeoutMs = BANK_MS }: SnapshotOptions,
): Promise<Printed> {
  const options = [
    ...(tag === undefined ? [] : ['--tag', tag]),
    ...(note === undefined ? [] : ['--note', note]),
  ];
  const argv = [TORPOR, 'snapshot', ...(os === null ? [] : [os]), ...options, '--json'];
  return parsePrinted(argv, await execInOs(agent, argv, { timeoutMs }));
}

/** Has the running OS bring another one back with `torpor restore`, and stay. Throws what the command says. */
export async function restoreSnapshot(
  agent: AgentClient,
  reference: string,
  options: RestoreOptions,
): Promise<Printed> {
  const argv = [TORPOR, 'restore', reference, ...restoreArguments(options), '--json'];
  return parsePrinted(argv, await execInOs(agent, argv, { timeoutMs: options.timeoutMs ?? BANK_MS }));
}

/**
 * Brings an OS back and goes there: `torpor switch OS@TAG`. When that OS itself is asked, it is set
 * back to the snapshot's moment, and what asked is gone. Throws what the command says.
 */
export async function enterSnapshot(
  agent: AgentClient,
  reference: string,
  options: RestoreOptions,
): Promise<Pong> {
  const target = reference.split('@')[0]!;
  const argv = [TORPOR, 'switch', reference, ...restoreArguments(options), '--json'];
  const ended = await execAway(agent, argv, target, { timeoutMs: options.timeoutMs ?? BANK_MS });
  if (ended === null) return await pingAgent(agent);
  parsePrinted(argv, ended);
  throw new TorporError('E_LAB_COMMAND', `“${argv.join(' ')}” ended, but “${target}” does not run`, {
    facts: { argv, target },
    hint: 'see `torpor lab status`',
  });
}

function restoreArguments({ slot, check }: RestoreOptions): string[] {
  return [...(slot === undefined ? [] : ['--slot', String(slot)]), ...(check === true ? ['--check'] : [])];
}

const failureSchema = z.object({ error: wireErrorSchema });

/** The object that a command has printed. Throws the error that it printed instead, or E_LAB_COMMAND. */
function parsePrinted(argv: readonly string[], { exit, stdout, stderr }: ExecResult): Printed {
  if (exit === 0) return JSON.parse(stdout.toString()) as Printed;
  const lines = stderr.toString().trim().split('\n');
  const failure = failureSchema.safeParse(parseJson(lines.at(-1)!));
  if (failure.success) throw errorFromWire(failure.data.error);
  const message = `“${argv.join(' ')}” ended with status ${exit}: ${lines.at(-1)}`;
  throw new TorporError('E_LAB_COMMAND', message, { facts: { argv, exit, lastLines: lines.slice(-10) } });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
