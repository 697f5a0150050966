import type { PhysRange } from '../base/ranges.ts';
import type { PhysAddr } from '../base/units.ts';
import type { BlockDevice, BlockDeviceMode } from './block-device.ts';
import type { FreezeCalls } from './freeze-calls.ts';

/** A mapping of physical memory. The bytes are the memory itself: writes take effect at once. */
export interface MappedRegion {
  readonly range: PhysRange;
  readonly bytes: Uint8Array;
  /** Unmaps. `bytes` must not be used afterwards. Idempotent. */
  close(): void;
}

/** One piece of a kexec image: `bytes` go to the page-aligned physical `destination`. */
export interface KexecSegment {
  readonly bytes: Uint8Array;
  readonly destination: PhysAddr;
}

/** What `kexec_load(2)` is asked for. */
export type KexecKind =
  /** Leave with `KEXEC_PRESERVE_CONTEXT`: the kernel can be re-entered. */
  | 'jump'
  /** Leave for good through an orderly shutdown. */
  | 'leave'
  /** Kept for a panic; segments must lie inside the crashkernel reservation. */
  | 'crash';

/** How a program that was run ended. */
export interface RunResult {
  /** Null when it was ended by a signal or could not be started. */
  readonly status: number | null;
  /** Null when it ended in time; else why it did not. */
  readonly failure: string | null;
  /** The end of what it said, at most a few lines. */
  readonly output: string;
}

/**
 * The kernel, as far as Torpor uses it. `sys/linux.ts` is the real one, `sys/fake.ts` the one of
 * the unit tests; both pass `sys/sys.contract.ts`. Failing calls throw TorporError `E_SYSCALL`
 * with the facts `call`, `errno` (a name such as `EPERM`) and `path` where there is one.
 */
export interface Sys extends FreezeCalls {
  effectiveUid(): number;
  /** A whole text file, as of /proc and /sys. Null when it does not exist. */
  readTextFile(path: string): string | null;
  readBinaryFile(path: string): Uint8Array | null;
  /** Up to `sizeBytes` bytes from `offset` on, fewer at the end of the file. Null when it does not exist. */
  readFileRange(path: string, offset: bigint, sizeBytes: number): Uint8Array | null;
  /** Where a symbolic link points. Null when it does not exist. */
  readLink(path: string): string | null;
  writeTextFile(path: string, content: string): void;
  /** Names in a directory, sorted; empty when it does not exist. */
  listDirectory(path: string): string[];
  /** The lines of this kernel's log, oldest first; empty when it cannot be read. */
  readKernelLog(): string[];
  /** `uname -r` */
  kernelRelease(): string;

  /** Maps physical memory shared, writable and cached through /dev/mem. Page-aligned ranges. */
  mapPhysical(range: PhysRange): MappedRegion;

  /** `kexec_load(2)`. An empty list of segments unloads. */
  kexecLoad(kind: KexecKind, entry: PhysAddr, segments: readonly KexecSegment[]): void;
  /**
   * Asks for a `jump` image with a list of segments that cannot be read; returns the errno's name.
   * Nothing is loaded and a loaded image stays. EFAULT: this kernel has KEXEC_JUMP; EINVAL: it
   * has not (the flags are checked first: kernel/kexec.c, kexec_load_check). Uses up one of
   * kernel.kexec_load_limit_reboot where that is set.
   */
  probeKexecJump(): string;
  /**
   * `reboot(LINUX_REBOOT_CMD_KEXEC)`. With a `jump` image loaded it returns when somebody has
   * jumped back; with a `leave` image it does not return.
   */
  rebootKexec(): void;
  /** Asks the service manager, where there is one (systemd), to stop all services; waits. */
  stopServices(): void;
  /** SIGTERM to every program but this one, then SIGKILL to those left after `graceMs`. */
  endAllPrograms(graceMs: number): void;
  /** Has the kernel make all filesystems read-only (sysrq u), also those in use; waits until they are. */
  remountReadOnly(): void;
  /** Runs `action` in a thread that waits for no ordinary program to give up its processor. */
  runFirst<T>(action: () => T): T;
  /**
   * Until the returned function is called, SIGHUP and SIGTERM do not end this process: a terminal or
   * connection that closes must not end what others wait for. One that came is raised again then.
   */
  holdSignals(): () => void;
  /** Runs a program with further environment variables, at most `timeoutMs` long; waits for its end. */
  runProgram(path: string, environment: Readonly<Record<string, string>>, timeoutMs: number): RunResult;
  /**
   * Mixes `seed` into the random pool and has every generator take a new key from it (RNDADDENTROPY
   * and RNDRESEEDCRNG of random(4)).
   */
  reseedRandom(seed: Uint8Array): void;
  /** Opens a disk or partition. */
  openBlockDevice(path: string, mode: BlockDeviceMode): BlockDevice;
  /** The processor's time stamp counter; common to all kernels of a machine. */
  readTsc(): bigint;
  /** The wall clock, ms since 1970, maybe with a fraction. */
  realtimeMs(): number;
  /** Sets the wall clock. */
  setRealtimeMs(ms: number): void;
  /** CLOCK_MONOTONIC, nanoseconds; stands still while this OS is parked. */
  monotonicNs(): bigint;
}
