import { type ChildProcess, spawn } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { TorporError } from '../../../src/base/errors.ts';

/** Another attempt begins after this time, whatever became of the ones before. */
const ATTEMPT_EVERY_MS = 100;
const ATTEMPT_MS = 3_000;
/** sshd turns connections away when too many wait. */
const MAX_ATTEMPTS = 4;

export interface SshTarget {
  readonly keyFile: string;
  readonly port: number;
}

/** Waits until the OS behind the port sends its SSH greeting. Throws E_TIMEOUT. */
export async function awaitGreeting({ port }: SshTarget, timeoutMs: number): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(timeoutMs)]);
  const attempts = new Set<Promise<void>>();
  let greeted = false;
  while (!greeted && !signal.aborted) {
    if (attempts.size < MAX_ATTEMPTS) {
      const attempt = isGreeted(port, signal).then((yes) => {
        greeted ||= yes;
        attempts.delete(attempt);
      });
      attempts.add(attempt);
    }
    await Promise.race([sleep(ATTEMPT_EVERY_MS), ...attempts, sleep(ATTEMPT_EVERY_MS)]);
    if (!greeted) await sleep(ATTEMPT_EVERY_MS / 4);
  }
  stop.abort();
  if (greeted) return;
  throw new TorporError('E_TIMEOUT', `no SSH server answered within ${timeoutMs / 1000} s`, {
    facts: { port, timeoutMs },
    hint: 'see the console log of the machine',
  });
}

/** Whether a server greets on a new connection; false when it is refused, silent or cut off. */
function isGreeted(port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (yes: boolean): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(yes);
    };
    const onAbort = (): void => end(false);
    const timer = setTimeout(() => end(false), ATTEMPT_MS);
    signal.addEventListener('abort', onAbort);
    socket.once('data', (bytes) => end(bytes.toString('latin1').startsWith('SSH-')));
    socket.once('error', () => end(false));
    socket.once('close', () => end(false));
  });
}

/** A shell script that runs as root over SSH. */
export interface RemoteScript {
  /** Resolves when the script has printed a line `ready`. */
  readonly ready: Promise<void>;
  /** Gives the script a line, which it waits for with `read`. */
  go(): void;
  /** What it printed. Throws E_LAB_COMMAND when it failed. */
  readonly output: Promise<string>;
}

export function startScript(target: SshTarget, script: string): RemoteScript {
  const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'BatchMode=yes'];
  const child: ChildProcess = spawn('ssh', [
    ...[...options, 'LogLevel=ERROR', 'ServerAliveInterval=15'].flatMap((option) => ['-o', option]),
    ...['-i', target.keyFile, '-p', String(target.port), 'root@127.0.0.1', script],
  ]);
  const ready = Promise.withResolvers<void>();
  const output = Promise.withResolvers<string>();
  let text = '';
  let errors = '';
  child.stdout!.on('data', (bytes: Buffer) => {
    text += bytes.toString();
    if (/^ready$/m.test(text)) ready.resolve();
  });
  child.stderr!.on('data', (bytes: Buffer) => {
    errors += bytes.toString();
  });
  child.stdin!.on('error', () => {});
  child.once('error', (cause) => output.reject(cause));
  child.once('close', (status) => {
    if (status === 0) output.resolve(text);
    const message = `a script over SSH ended with status ${status}: ${errors.trim()}`;
    const failure = new TorporError('E_LAB_COMMAND', message, {
      facts: { lastLines: errors.trim().split('\n') },
    });
    output.reject(failure);
    ready.reject(failure);
  });
  ready.promise.catch(() => {});
  output.promise.catch(() => {});
  return { ready: ready.promise, output: output.promise, go: () => void child.stdin!.end('\n') };
}

export async function runScript(target: SshTarget, script: string): Promise<string> {
  return await startScript(target, script).output;
}
