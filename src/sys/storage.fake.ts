import { TorporError } from '../base/errors.ts';
import type { Storage, StorageFile } from './storage.ts';

/**
 * What a power cut leaves of writes that were not synced: nothing, all of it, or some of it in no
 * particular order (names without content, content without names, files cut anywhere or with zeros
 * where content should be).
 */
export type PowerCut = 'lost' | 'kept' | { readonly seed: number };

interface File {
  /** Never changed once they are here. */
  readonly chunks: Uint8Array[];
  length: number;
  durableLength: number;
}

/** A change of names that no sync has made durable yet. */
interface PendingChange {
  readonly directories: readonly string[];
  apply(files: Map<string, File>): void;
}

/** A Storage in memory that can lose power. */
export class FakeStorage implements Storage {
  readonly place = 'the fake bank';
  /** Called after each change, named as `append blobs/x`. */
  onChange: ((what: string) => void) | null = null;
  /** Called before each change; what it throws is the change's failure. */
  beforeChange: ((what: string) => void) | null = null;
  /** Called before each read; what it throws is the read's failure. */
  beforeRead: ((path: string) => void) | null = null;
  /** Bytes that all files together may have. */
  capacityBytes = Number.POSITIVE_INFINITY;
  readonly #files = new Map<string, File>();
  readonly #directories = new Set<string>(['.']);
  #durable = new Map<string, File>();
  #pending: PendingChange[] = [];
  readonly #locks = new Set<string>();

  read(path: string): Uint8Array | null {
    const file = this.#files.get(path);
    if (file === undefined) return null;
    const into = new Uint8Array(file.length);
    this.readAt(path, 0, into);
    return into;
  }

  readAt(path: string, offset: number, into: Uint8Array): number {
    this.beforeRead?.(path);
    const file = this.#files.get(path);
    if (file === undefined) throw failure('read', path, 'ENOENT');
    let position = 0;
    let done = 0;
    for (const chunk of file.chunks) {
      const from = Math.max(0, offset + done - position);
      if (from < chunk.length && done < into.length) {
        const piece = chunk.subarray(from, Math.min(chunk.length, from + into.length - done));
        into.set(piece, done);
        done += piece.length;
      }
      position += chunk.length;
      if (done === into.length) break;
    }
    return done;
  }

  size(path: string): number | null {
    return this.#files.get(path)?.length ?? null;
  }

  list(directory: string): string[] {
    const prefix = directory === '.' ? '' : `${directory}/`;
    const names = [...this.#files.keys(), ...this.#directories]
      .filter((path) => path.startsWith(prefix) && path !== '.')
      .map((path) => path.slice(prefix.length).split('/')[0]!);
    return [...new Set(names)].toSorted();
  }

  create(path: string): StorageFile {
    return this.#change('create', path, () => {
      this.#checkDirectory('open', path);
      const file: File = { chunks: [], length: 0, durableLength: 0 };
      this.#names([directoryOf(path)], (files) => files.set(path, file));
      return this.#writer(path, file);
    });
  }

  #writer(path: string, file: File): StorageFile {
    return {
      append: (bytes) =>
        this.#change('append', path, () => {
          if (this.usedBytes() + bytes.length > this.capacityBytes) throw failure('write', path, 'ENOSPC');
          if (bytes.length > 0) file.chunks.push(Uint8Array.from(bytes));
          file.length += bytes.length;
        }),
      sync: () =>
        this.#change('sync', path, () => {
          file.durableLength = file.length;
        }),
      close: () => {},
    };
  }

  rename(from: string, to: string): void {
    this.#change('rename', to, () => {
      const file = this.#files.get(from);
      if (file === undefined) throw failure('rename', to, 'ENOENT');
      this.#checkDirectory('rename', to);
      this.#names([directoryOf(to)], (files) => {
        if (files.get(from) === file) files.delete(from);
        files.set(to, file);
      });
    });
  }

  remove(path: string): void {
    if (!this.#files.has(path)) return;
    this.#change('remove', path, () => this.#names([directoryOf(path)], (files) => files.delete(path)));
  }

  syncDirectory(path: string): void {
    this.#change('syncDirectory', path, () => {
      const [done, left] = [[], []] as [PendingChange[], PendingChange[]];
      for (const change of this.#pending) (change.directories.includes(path) ? done : left).push(change);
      for (const change of done) change.apply(this.#durable);
      this.#pending = left;
    });
  }

  /** Directories are there at once and stay: a missing one is an error that every open would show. */
  makeDirectory(path: string): void {
    const names = path.split('/');
    for (let depth = 1; depth <= names.length; depth += 1)
      this.#directories.add(names.slice(0, depth).join('/'));
  }

  freeBytes(): number {
    return Math.max(0, this.capacityBytes - this.usedBytes());
  }

  lock(path: string): () => void {
    this.#checkDirectory('open', path);
    if (this.#locks.has(path)) {
      throw new TorporError('E_BANK_BUSY', `another process writes to ${this.place}`, {
        facts: { place: this.place },
        hint: 'wait for it, then try again',
      });
    }
    this.#locks.add(path);
    return () => void this.#locks.delete(path);
  }

  release(): void {}

  /** All paths of files, sorted. */
  paths(): string[] {
    return [...this.#files.keys()].toSorted();
  }

  usedBytes(): number {
    let sum = 0;
    for (const file of this.#files.values()) sum += file.length;
    return sum;
  }

  /** Replaces a file's content durably, as damage does. */
  overwrite(path: string, bytes: Uint8Array): void {
    const file = { chunks: [Uint8Array.from(bytes)], length: bytes.length, durableLength: bytes.length };
    this.#files.set(path, file);
    this.#durable.set(path, file);
  }

  /** The directory as it is found after a power cut now. This one goes on as if nothing had been. */
  afterPowerCut(cut: PowerCut): FakeStorage {
    const random = typeof cut === 'object' ? seeded(cut.seed) : () => (cut === 'kept' ? 1 : 0);
    const names = new Map(this.#durable);
    for (const change of this.#pending) if (random() >= 0.5) change.apply(names);
    const found = new FakeStorage();
    for (const directory of this.#directories) found.#directories.add(directory);
    for (const [path, file] of names) {
      const bytes = contentAfterPowerCut(file, random);
      found.#files.set(path, bytes);
      found.#durable.set(path, bytes);
    }
    return found;
  }

  #change<T>(call: string, path: string, action: () => T): T {
    const what = `${call} ${path}`;
    this.beforeChange?.(what);
    const result = action();
    this.onChange?.(what);
    return result;
  }

  #names(directories: readonly string[], apply: (files: Map<string, File>) => void): void {
    apply(this.#files);
    this.#pending.push({ directories, apply });
  }

  #checkDirectory(call: string, path: string): void {
    if (!this.#directories.has(directoryOf(path))) throw failure(call, path, 'ENOENT');
  }
}

/** The synced part, and of the rest as much as `random` lets through, now and then as zeros. */
function contentAfterPowerCut(file: File, random: () => number): File {
  const unsynced = file.length - file.durableLength;
  const length = file.durableLength + Math.floor(unsynced * Math.min(1, random() * 1.2));
  if (length === file.length && (unsynced === 0 || random() >= 0.5)) {
    return { chunks: [...file.chunks], length, durableLength: length };
  }
  const bytes = Buffer.concat(file.chunks, file.length).subarray(0, length);
  if (length > file.durableLength && random() < 0.5) bytes.fill(0, file.durableLength);
  return { chunks: [bytes], length, durableLength: length };
}

function directoryOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '.' : path.slice(0, slash);
}

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}

function failure(call: string, path: string, errno: string): TorporError {
  return new TorporError('E_SYSCALL', `cannot ${call} ${path}: ${errno}`, { facts: { call, path, errno } });
}
