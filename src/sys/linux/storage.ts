import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { TorporError } from '../../base/errors.ts';
import { lastErrno, syscall } from '../native.ts';
import type { Storage, StorageFile } from '../storage.ts';
import { SYSTEM_CALL } from './call.ts';

/** `LOCK_EX | LOCK_NB` of flock(2). */
const LOCK_EXCLUSIVE_NOW = 2 | 4;
/** Files that are kept open for reading, those read last. */
const OPEN_FILES = 16;

/** A directory of the running system. It need not exist yet: `makeDirectory('.')` makes it. */
export function openStorage(place: string): Storage {
  const readers = new ReadFiles(place);
  const at = (path: string): string => join(place, path);
  return {
    place,
    read: (path) => orNull(() => attempt('read', path, () => readFileSync(at(path)))),
    readAt: (path, offset, into) => attempt('read', path, () => readers.read(path, offset, into)),
    size: (path) =>
      orNull(() => {
        const stat = attempt('stat', path, () => statSync(at(path)));
        return stat.isFile() ? stat.size : null;
      }),
    list: (path) => orNull(() => attempt('readdir', path, () => readdirSync(at(path)).toSorted())) ?? [],
    create(path) {
      readers.forget(path);
      return openForWriting(
        path,
        attempt('open', path, () => openSync(at(path), 'w', 0o600)),
      );
    },
    rename(from, to) {
      readers.forget(from);
      readers.forget(to);
      attempt('rename', to, () => renameSync(at(from), at(to)));
    },
    remove(path) {
      readers.forget(path);
      orNull(() => attempt('unlink', path, () => unlinkSync(at(path))));
    },
    syncDirectory(path) {
      const fd = attempt('open', path, () => openSync(at(path), 'r'));
      try {
        attempt('fsync', path, () => fsyncSync(fd));
      } finally {
        closeSync(fd);
      }
    },
    makeDirectory: (path) => void attempt('mkdir', path, () => mkdirSync(at(path), { recursive: true })),
    freeBytes: () => {
      const stat = attempt('statfs', '.', () => statfsSync(place));
      return stat.bavail * stat.bsize;
    },
    lock: (path) => takeLock(place, path),
    release: () => readers.forgetAll(),
  };
}

function openForWriting(path: string, fd: number): StorageFile {
  let open = true;
  return {
    append(bytes) {
      let done = 0;
      while (done < bytes.length) done += attempt('write', path, () => writeSync(fd, bytes, done));
    },
    sync: () => attempt('fsync', path, () => fdatasyncSync(fd)),
    close() {
      if (open) closeSync(fd);
      open = false;
    },
  };
}

/** flock(2): the kernel gives it back when the process ends, however it ends. */
function takeLock(place: string, path: string): () => void {
  const fd = attempt('open', path, () => openSync(join(place, path), 'w', 0o600));
  if (syscall(SYSTEM_CALL.flock, fd, LOCK_EXCLUSIVE_NOW, 0, 0, 0, 0) < 0) {
    const errno = lastErrno();
    closeSync(fd);
    if (errno !== 'EAGAIN' && errno !== 'EWOULDBLOCK') throw failure('flock', path, errno);
    throw new TorporError('E_BANK_BUSY', `another process writes to ${place}`, {
      facts: { place },
      hint: 'wait for it, then try again',
    });
  }
  let held = true;
  return () => {
    if (held) closeSync(fd);
    held = false;
  };
}

/** Open files for reading by path, so that many small reads of one file open it once. */
class ReadFiles {
  readonly #place: string;
  readonly #fds = new Map<string, number>();

  constructor(place: string) {
    this.#place = place;
  }

  read(path: string, offset: number, into: Uint8Array): number {
    const fd = this.#open(path);
    let done = 0;
    while (done < into.length) {
      const count = readSync(fd, into, done, into.length - done, offset + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  forget(path: string): void {
    const fd = this.#fds.get(path);
    if (fd === undefined) return;
    this.#fds.delete(path);
    closeSync(fd);
  }

  forgetAll(): void {
    for (const path of [...this.#fds.keys()]) this.forget(path);
  }

  #open(path: string): number {
    const fd = this.#fds.get(path) ?? openSync(join(this.#place, path), 'r');
    this.#fds.delete(path);
    this.#fds.set(path, fd);
    if (this.#fds.size > OPEN_FILES) this.forget(this.#fds.keys().next().value!);
    return fd;
  }
}

function attempt<T>(call: string, path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw failure(call, path, (cause as NodeJS.ErrnoException).code ?? 'unknown', cause);
  }
}

/** Null when the file does not exist; every other failure stays one. */
function orNull<T>(action: () => T): T | null {
  try {
    return action();
  } catch (error) {
    if (error instanceof TorporError && error.facts.errno === 'ENOENT') return null;
    throw error;
  }
}

function failure(call: string, path: string, errno: string, cause?: unknown): TorporError {
  const facts = { call, path, errno };
  return new TorporError('E_SYSCALL', `cannot ${call} ${path}: ${errno}`, { facts, cause });
}
