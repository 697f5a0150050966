import { spawnSync } from 'node:child_process';
import type { RunResult } from '../sys.ts';

const MAX_OUTPUT_BYTES = 64 * 1024;
const LAST_LINES = 5;

export function runProgram(
  path: string,
  environment: Readonly<Record<string, string>>,
  timeoutMs: number,
): RunResult {
  const ended = spawnSync(path, [], {
    cwd: '/',
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: MAX_OUTPUT_BYTES,
    encoding: 'utf8',
  });
  const output = `${ended.stdout ?? ''}${ended.stderr ?? ''}`
    .trim()
    .split('\n')
    .slice(-LAST_LINES)
    .join('\n');
  return { status: ended.status, failure: failureOf(ended), output };
}

function failureOf(ended: ReturnType<typeof spawnSync>): string | null {
  if (ended.error !== undefined) return (ended.error as NodeJS.ErrnoException).code ?? ended.error.message;
  return ended.signal === null ? null : `it was ended by ${ended.signal}`;
}
