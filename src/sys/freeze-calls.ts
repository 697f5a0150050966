/** What bringing programs and filesystems to rest takes; failing calls throw E_SYSCALL with `call`, `errno`, `path`. */
export interface FreezeCalls {
  /** Writes all of a mounted filesystem to its disk and stops writers (FIFREEZE). */
  freezeFilesystem(mountPoint: string): void;
  thawFilesystem(mountPoint: string): void;
  /** `sync(2)` */
  sync(): void;
  /** Makes a directory, also one of a kernel's filesystem; an existing one stays. */
  makeDirectory(path: string): void;
  /** Removes an empty directory. */
  removeDirectory(path: string): void;
}
