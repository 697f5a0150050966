import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
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

function take(path: string): void {
  for (;;) {
    try {
      const fd = openSync(path, 'wx');
      writeSync(fd, String(process.pid));
      closeSync(fd);
      return;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    }
    const holder = Number(readFileSync(path, 'utf8') || Number.NaN);
    if (isAlive(holder)) {
      throw new TorporError('E_BUSY', `process ${holder} is changing the machine`, {
        facts: { pid: holder },
        hint: 'wait for it, then try again',
      });
    }
    rmSync(path, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return Number.isInteger(pid) && process.kill(pid, 0);
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}
