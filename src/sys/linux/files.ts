import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  writeFileSync,
} from 'node:fs';
import { TorporError } from '../../base/errors.ts';

export function readFile(path: string): Buffer | null {
  return withPath('read', path, () => readFileSync(path));
}

export function readFileRange(path: string, offset: bigint, sizeBytes: number): Uint8Array | null {
  return withPath('read', path, () => {
    const fd = openSync(path, 'r');
    try {
      const bytes = new Uint8Array(sizeBytes);
      let done = 0;
      while (done < sizeBytes) {
        const count = readSync(fd, bytes, done, sizeBytes - done, offset + BigInt(done));
        if (count === 0) break;
        done += count;
      }
      return bytes.subarray(0, done);
    } finally {
      closeSync(fd);
    }
  });
}

export function readLink(path: string): string | null {
  return withPath('readlink', path, () => readlinkSync(path));
}

export function writeTextFile(path: string, content: string): void {
  try {
    writeFileSync(path, content);
  } catch (cause) {
    throw fileFailure('write', path, cause);
  }
}

export function listDirectory(path: string): string[] {
  return withPath('readdir', path, () => readdirSync(path).toSorted()) ?? [];
}

/** Null when the file does not exist; every other failure is E_SYSCALL. */
function withPath<T>(call: string, path: string, action: () => T): T | null {
  try {
    return action();
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code;
    if (errno === 'ENOENT' || errno === 'ENODEV' || errno === 'ESRCH') return null;
    throw fileFailure(call, path, cause);
  }
}

function fileFailure(call: string, path: string, cause: unknown): TorporError {
  const errno = (cause as NodeJS.ErrnoException).code ?? 'unknown';
  const facts = { call, path, errno };
  return new TorporError('E_SYSCALL', `cannot ${call} ${path}: ${errno}`, { facts, cause });
}
