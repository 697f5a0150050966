import { closeSync, openSync } from 'node:fs';
import { TorporError } from '../../base/errors.ts';

/** Opens a file for `action`. `name` is the call in E_SYSCALL when it cannot be opened. */
export function withFile<T>(name: string, path: string, flags: number, action: (fd: number) => T): T {
  let fd: number;
  try {
    fd = openSync(path, flags, 0o600);
  } catch (cause) {
    throw failure(name, path, (cause as NodeJS.ErrnoException).code ?? 'unknown', cause);
  }
  try {
    return action(fd);
  } finally {
    closeSync(fd);
  }
}

/** E_SYSCALL of a call on a file; an empty path is left out. */
export function failure(name: string, path: string, errno: string, cause?: unknown): TorporError {
  const of = path === '' ? '' : ` of ${path}`;
  return new TorporError('E_SYSCALL', `${name}${of} failed: ${errno}`, {
    facts: { call: name, errno, ...(path === '' ? {} : { path }) },
    cause,
  });
}
