import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { TorporError } from '../base/errors.ts';

/** /run is emptied at every start of an OS. */
const LOCK_FILE = '/run/torpor.lock';

/** Runs `action` while no other Torpor command of this OS changes the machine. Throws E_BUSY. */
export async function withMachineLock<T>(action: () => T | Promise<T>, path = LOCK_FILE): Promise<T> {
  take(path);
  try {
    return await action();
  } finally {
    rmSync(path, { force: true });
  }
}

/** The process that changes the machine; null when there is none. */
export function lockHolder(path = LOCK_FILE): number | null {
  const holder = Number(readHolder(path) || Number.NaN);
  return isAlive(holder) ? holder : null;
}

/** The lock appears with its content: nobody sees it without the process that holds it. */
function take(path: string): void {
  const own = `${path}.${process.pid}`;
  writeOwn(own);
  try {
    while (!isLinked(own, path)) checkStale(path);
  } finally {
    rmSync(own, { force: true });
  }
}

function writeOwn(own: string): void {
  try {
    writeFileSync(own, String(process.pid));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EACCES') throw cause;
    throw new TorporError('E_NOT_ROOT', 'changing the machine needs root', {
      hint: 'run this as root',
      cause,
    });
  }
}

function isLinked(own: string, path: string): boolean {
  try {
    linkSync(own, path);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    return false;
  }
}

/** Takes away a lock whose process has gone. Throws E_BUSY when it has not. */
function checkStale(path: string): void {
  const holder = lockHolder(path);
  if (holder !== null) {
    throw new TorporError('E_BUSY', `process ${holder} is changing the machine`, {
      facts: { pid: holder },
      hint: 'wait for it, then try again',
    });
  }
  rmSync(path, { force: true });
}

/** Empty when the lock has just been given up. */
function readHolder(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    return '';
  }
}

function isAlive(pid: number): boolean {
  try {
    return Number.isInteger(pid) && pid > 0 && process.kill(pid, 0);
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}
