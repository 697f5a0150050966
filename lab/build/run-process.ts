import { spawn } from 'node:child_process';
import { TorporError } from '../../src/base/errors.ts';
import { renderCommandLine } from './command-line.ts';
import { disown, killGroup, own } from './owned-processes.ts';

export interface RunOptions {
  readonly cwd?: string;
  /** Variables added to this process's environment; undefined unsets one. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Text for standard input; without it standard input is empty. */
  readonly input?: string;
  /** Every complete line as it comes, without its end; a carriage return ends a line too. */
  readonly onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
  /** Ends the whole process group: SIGTERM, then SIGKILL after two seconds. */
  readonly signal?: AbortSignal | undefined;
  /** Exit codes that are no error; 0 alone by default. */
  readonly accept?: readonly number[];
}

export interface ProcessResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

const TAIL_LINES = 20;
const TERM_GRACE_MS = 2000;

/**
 * Runs a program in a process group that never outlives this process.
 * Throws E_LAB_MISSING when there is no such program, E_LAB_BUILD (facts: command line to replay,
 * exit code, last lines) when it fails, and the signal's reason when it was aborted.
 */
export async function runProcess(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<ProcessResult> {
  const { signal, accept = [0] } = options;
  signal?.throwIfAborted();
  const { cwd, env } = options;
  const commandLine = renderCommandLine({ command, args, cwd, env });
  const tail: string[] = [];
  const texts = { stdout: [] as string[], stderr: [] as string[] };

  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const ended = new Promise<{ code: number | null; by: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, by) => resolve({ code, by }));
  });
  const { pid } = child;
  if (pid !== undefined) own(pid);
  child.stdin.on('error', () => {}); // A program may end without reading its input.
  child.stdin.end(options.input ?? '');

  for (const name of ['stdout', 'stderr'] as const) {
    const lines = splitLines((line) => {
      if (tail.push(line) > TAIL_LINES) tail.shift();
      options.onLine?.(line, name);
    });
    child[name].setEncoding('utf8');
    child[name].on('data', (chunk: string) => {
      texts[name].push(chunk);
      lines.push(chunk);
    });
    child[name].on('end', lines.end);
  }

  let killTimer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    if (pid === undefined) return;
    killGroup(pid, 'SIGTERM');
    killTimer = setTimeout(() => killGroup(pid, 'SIGKILL'), TERM_GRACE_MS);
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const { code, by } = await ended;
    signal?.throwIfAborted();
    if (code !== null && accept.includes(code)) {
      return { stdout: texts.stdout.join(''), stderr: texts.stderr.join(''), exitCode: code };
    }
    throw new TorporError(
      'E_LAB_BUILD',
      `${command} ${by === null ? `failed (${code})` : `ended by ${by}`}`,
      {
        facts: { commandLine, exitCode: code, signal: by, lastLines: tail },
        hint: 'read the last lines; the command line runs again as it stands',
      },
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new TorporError('E_LAB_MISSING', `there is no program “${command}”`, {
      facts: { commandLine },
      hint: 'install what provides it and run the command again',
      cause: error,
    });
  } finally {
    clearTimeout(killTimer);
    signal?.removeEventListener('abort', onAbort);
    if (pid !== undefined) {
      // The leader has ended; what it left behind in its group goes with it.
      killGroup(pid, 'SIGKILL');
      disown(pid);
    }
  }
}

function splitLines(onLine: (line: string) => void): { push(chunk: string): void; end(): void } {
  let rest = '';
  return {
    push(chunk) {
      const lines = (rest + chunk).split(/\r\n|\n|\r/);
      rest = lines.pop()!;
      for (const line of lines) onLine(line);
    },
    end() {
      if (rest !== '') onLine(rest);
      rest = '';
    },
  };
}
