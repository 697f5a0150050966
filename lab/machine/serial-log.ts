import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { TorporError } from '../../src/base/errors.ts';

const TAIL_BYTES = 64 * 1024;

/** How much of a log there is now: a place to wait from. */
export function logPosition(path: string): number {
  return existsSync(path) ? statSync(path).size : 0;
}

interface WaitOptions {
  /** Byte offset from which the text counts. */
  readonly from: number;
  readonly timeoutMs: number;
  /** Called at each look; throwing ends the wait, as when the machine is gone. */
  readonly check?: () => void;
  readonly pollMs?: number;
}

/** Waits until a growing log matches and returns the match. Throws E_TIMEOUT with its last lines. */
export async function waitForText(
  path: string,
  pattern: RegExp,
  options: WaitOptions,
): Promise<RegExpExecArray> {
  const deadline = performance.now() + options.timeoutMs;
  let text = '';
  let position = options.from;
  for (;;) {
    const fresh = readFrom(path, position);
    position += Buffer.byteLength(fresh, 'latin1');
    text += fresh;
    const match = pattern.exec(text);
    if (match !== null) return match;
    options.check?.();
    if (performance.now() > deadline) {
      throw new TorporError(
        'E_TIMEOUT',
        `${path} did not say ${pattern} within ${options.timeoutMs / 1000} s`,
        {
          facts: {
            path,
            pattern: String(pattern),
            timeoutMs: options.timeoutMs,
            lastLines: tailFile(path, 10),
          },
          hint: 'look at the machine with `torpor lab console` or `torpor lab screenshot FILE.png`',
        },
      );
    }
    await sleep(options.pollMs ?? 50);
  }
}

/** The last lines of a log without terminal control sequences; none when there is no file. */
export function tailFile(path: string, lines: number): string[] {
  const text = readFrom(path, Math.max(0, logPosition(path) - TAIL_BYTES));
  const clean = text.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, '').replaceAll('\r', '');
  return clean
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-lines);
}

/** latin1: a serial line carries bytes, and one byte is one character here. */
function readFrom(path: string, offset: number): string {
  const lengthBytes = logPosition(path) - offset;
  if (lengthBytes <= 0) return '';
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(lengthBytes);
    return buffer.toString('latin1', 0, readSync(file, buffer, 0, lengthBytes, offset));
  } finally {
    closeSync(file);
  }
}
