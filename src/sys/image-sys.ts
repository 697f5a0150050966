import type { BlockDevice, BlockDeviceMode } from './block-device.ts';
import type { FreezeCalls } from './freeze-calls.ts';

/** `take`: this system makes an image of itself. `restore`: it is replaced by one. */
export type SnapshotMode = 'take' | 'restore';

/**
 * An open /dev/snapshot (kernel/power/user.c, Linux 6.12). Only one process can have it open. Whatever
 * was frozen runs again when it is closed, also by the end of the process.
 */
export interface SnapshotDevice {
  /** Syncs, then freezes every task but the calling thread. */
  freeze(): void;
  /**
   * Makes the image. Returns `taken` in the system that goes on, and `restored` when it has come back by
   * {@link atomicRestore}. Kernel threads stay frozen after `taken` until {@link free}.
   */
  createImage(): 'taken' | 'restored';
  /** Bytes of the whole stream of a taken image. */
  imageBytes(): number;
  /** Reads on in the stream; fills `into` (whole pages of {@link ImageSys.allocatePages}) unless it ends. Returns the bytes read. */
  read(into: Uint8Array): number;
  /** Writes on in the stream, whole pages. The kernel checks the header when its second page comes. */
  write(bytes: Uint8Array): void;
  /**
   * The same for memory of {@link ImageSys.allocatePages}, many pages at a time. Only behind the first page of the
   * data: what the kernel refuses then is not told apart, and header and list have been accepted.
   */
  writeData(bytes: Uint8Array): void;
  /** So many pages of zeros, where {@link writeData} may write. */
  writeZeros(pages: number): void;
  /** Drops the image and thaws kernel threads. SAFETY: thaw() does nothing while there is an image. */
  free(): void;
  /** Thaws all tasks. */
  thaw(): void;
  /** Replaces this system by the one that was written. Returns only when that failed. */
  atomicRestore(): void;
  /** Idempotent. */
  close(): void;
}

/** A piece of a block device, in bytes; whole pages of 4096. */
export interface Extent {
  readonly start: number;
  readonly sizeBytes: number;
}

/**
 * What is written to some disks while it is open. It is opened, and asked with {@link take}, while no write is under
 * way: with their filesystems frozen.
 */
export interface WriteWatch {
  /** Takes in what the kernel has noted so far: its room is small. */
  collect(): void;
  /**
   * What was written, zeroed or discarded since the last time, of each disk in the order of their paths, ascending;
   * null of a disk of which that is not known for certain.
   */
  take(): readonly (readonly Extent[] | null)[];
  close(): void;
}

/** Undoes what lasts longer than the process that did it. */
export type UndoStep =
  /** A filesystem that is frozen. */
  | { readonly kind: 'thaw'; readonly place: string }
  /** A file of the kernel's that has another value meanwhile. */
  | { readonly kind: 'write'; readonly path: string; readonly value: string }
  | {
      readonly kind: 'mount';
      readonly source: string;
      readonly place: string;
      readonly type: string;
      readonly options: string;
    }
  /** A directory of the kernel's. */
  | { readonly kind: 'remove'; readonly path: string };

/**
 * What the image engine needs of the kernel beyond Sys. `sys/linux/image-sys.ts` is the real one,
 * `sys/image-sys.fake.ts` the one of the unit tests. Failing calls throw E_SYSCALL with the facts
 * `call`, `errno` and `path`.
 */
export interface ImageSys extends FreezeCalls {
  openSnapshotDevice(mode: SnapshotMode): SnapshotDevice;
  /**
   * Opens a disk past this kernel's cache (O_DIRECT), also one that is mounted: whoever writes knows that
   * no filesystem on it will. Offsets and lengths are multiples of 4096, buffers come from
   * {@link allocatePages}.
   */
  openDirect(path: string, mode: BlockDeviceMode): BlockDevice;
  /** Throws E_SYSCALL when this kernel cannot tell. */
  watchWrites(paths: readonly string[]): WriteWatch;
  /** Zeroed, page-aligned memory that stays for the life of the process. */
  allocatePages(sizeBytes: number): Uint8Array;
  /**
   * The same for a buffer of some MiB that much goes through: its memory lies together, which makes transfers cheaper. The
   * first use takes all of it.
   */
  allocateLarge(sizeBytes: number): Uint8Array;
  /**
   * Lets go of what this process has mapped of its program and its libraries, most of which it needed to start. What it
   * needs again is still in the kernel's cache, until that is dropped.
   */
  forgetFiles(): void;
  /** What this process has read of its program and its libraries, now and later, stays in memory. */
  lockMemory(): void;
  /** Takes back memory that only holds what disks hold too (drop_caches of proc_sys_vm(5)). */
  dropCaches(): void;
  /** Bytes of memory that are free now, without anything being taken back for them. */
  freeBytes(): number;
  /** A line of the kernel log: it is seen on the console, and survives in memory, when nothing else runs. Never fails. */
  logLine(text: string): void;
  mount(source: string, place: string, type: string, options: string): void;
  unmount(place: string): void;
  /** Turns the machine off or starts it anew at once, without ending anything. Returns only by throwing. */
  endMachine(how: 'off' | 'restart'): void;
  /** Makes a file of that size, all of it allocated on the disk. An existing one that is as large stays. */
  preallocate(path: string, sizeBytes: number): void;
  /** Where a file lies on the disk of its filesystem, in its order (FIEMAP). */
  fileExtents(path: string): Extent[];
  /** Gives back memory that this process has had and no longer needs: it would be in the image, or in the way of one. */
  releaseMemory(): void;
  /**
   * Runs `action`, which freezes all but the thread that it runs in. Signals wait until it has ended. Throws E_USAGE
   * when this process has threads that it would wait for.
   */
  runAlone<T>(action: () => T): T;
  /**
   * What is to be done when this process is ended before it calls what is returned; the last step first. SAFETY: to be
   * called before what is undone.
   */
  undoLater(...steps: readonly UndoStep[]): () => void;
  /** The process that would do so, when there is one. */
  guard(): readonly number[];
}
