/**
 * A directory with files that are written once, in order, and made durable step by step: all that
 * the bank needs of a filesystem. `sys/linux/storage.ts` is the real one, `sys/storage.fake.ts`
 * the one of the tests, which can lose power; both pass `sys/storage.contract.ts`.
 *
 * Paths are relative to the directory, with `/` between names. Failing calls throw TorporError
 * `E_SYSCALL` with the facts `call`, `errno` and `path`.
 */
export interface Storage {
  /** The directory as a user would name it, for messages. */
  readonly place: string;
  /** A whole file; null when it does not exist. For small files only: it is held in memory. */
  read(path: string): Uint8Array | null;
  /** Fills `into` from `offset` on; returns how many bytes there were, fewer only at the file's end. */
  readAt(path: string, offset: number, into: Uint8Array): number;
  /** Bytes of a file; null when it does not exist or is a directory. */
  size(path: string): number | null;
  /** Names in a directory, sorted; empty when it does not exist. */
  list(directory: string): string[];
  /** A new file, or an existing one emptied. */
  create(path: string): StorageFile;
  /** Replaces `to`. Durable after `syncDirectory` of the directories of both. */
  rename(from: string, to: string): void;
  /** Removes a file; nothing happens when it does not exist. */
  remove(path: string): void;
  /** Makes new names, renames and removals in a directory durable. */
  syncDirectory(path: string): void;
  /** Makes a directory and those above it; nothing happens when it exists. */
  makeDirectory(path: string): void;
  /** Bytes that can still be written. */
  freeBytes(): number;
  /**
   * Takes a lock that only one process can hold and that ends with the process. Returns what gives
   * it back. Throws E_BANK_BUSY.
   */
  lock(path: string): () => void;
  /** Closes what it keeps open to read faster; nothing else changes. Then its filesystem can be unmounted. */
  release(): void;
}

/** A file that is being written. */
export interface StorageFile {
  append(bytes: Uint8Array): void;
  /** Makes the content durable; its name is not (`syncDirectory`). */
  sync(): void;
  close(): void;
}
