import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { setTimeout as setTimeoutAsync } from 'node:timers/promises';
import { ROOT } from './source-files.ts';

interface ProgramOptions {
  /** Collects the output instead of passing it on to the terminal. */
  readonly capture: boolean;
  readonly timeoutMs: number;
}

interface ProgramResult {
  readonly ok: boolean;
  readonly timedOut: boolean;
  /** Standard output and standard error as they came; empty unless captured. */
  readonly output: string;
}

/** How long a program may take to end after SIGTERM. */
const GRACE_MS = 10_000;
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs a program from the root of the repository in a process group of its own, so that nothing it
 * started outlives it: at the timeout, or when this process is told to end, the whole group is.
 */
export async function runProgram(
  command: readonly string[],
  options: ProgramOptions,
): Promise<ProgramResult> {
  const [program, ...args] = command as [string, ...string[]];
  const stdio = options.capture ? 'pipe' : 'inherit';
  const child = spawn(program, args, { cwd: ROOT, stdio: ['ignore', stdio, stdio], detached: true });

  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk));

  let ending: Promise<void> | null = null;
  let signalled: NodeJS.Signals | null = null;
  const end = (signal: NodeJS.Signals | null): void => {
    signalled ??= signal;
    ending ??= endGroup(child.pid!);
  };
  const timer = setTimeout(end, options.timeoutMs, null);
  for (const signal of FORWARDED) process.on(signal, end);

  const { promise: closed, resolve, reject } = Promise.withResolvers<number | null>();
  child.on('error', reject);
  child.on('close', resolve);
  try {
    const status = await closed;
    await ending;
    if (signalled !== null) process.exit(128 + constants.signals[signalled]);
    return { ok: status === 0, timedOut: ending !== null, output: Buffer.concat(chunks).toString('utf8') };
  } finally {
    clearTimeout(timer);
    for (const signal of FORWARDED) process.off(signal, end);
  }
}

/** Asks all processes of a group to end, waits until they have, and kills what is left after the grace. */
async function endGroup(group: number): Promise<void> {
  const deadlineMs = performance.now() + GRACE_MS;
  let alive = signalGroup(group, 'SIGTERM');
  while (alive && performance.now() < deadlineMs) {
    await setTimeoutAsync(50);
    alive = signalGroup(group, 0);
  }
  if (alive) signalGroup(group, 'SIGKILL');
}

/** False when no process of the group is left. */
function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
