import { TorporError } from '../base/errors.ts';
import { contains, formatRange, type PhysRange, sizeOf } from '../base/ranges.ts';
import { FakeDisk } from './block-device.fake.ts';
import type { BlockDevice, BlockDeviceMode } from './block-device.ts';
import type { KexecKind, KexecSegment, RunResult, Sys } from './sys.ts';

interface FakeOptions {
  readonly uid?: number;
  readonly release?: string;
  /** Files by path; directories follow from the paths. */
  readonly files?: Record<string, string | Uint8Array>;
  /** Symbolic links: path to target. */
  readonly links?: Record<string, string>;
  /** Files and directories that this user may neither read nor write. */
  readonly denied?: readonly string[];
  /** Physical ranges that can be mapped, all zero at the start. */
  readonly memory?: readonly PhysRange[];
}

export interface LoadedImage {
  readonly entry: number;
  readonly segments: readonly KexecSegment[];
}

/** A kernel in memory for unit tests. */
export class FakeSys implements Sys {
  readonly files: Map<string, string | Uint8Array>;
  readonly images = new Map<KexecKind, LoadedImage>();
  /** What happens in place of the jump; throws to refuse. */
  onReboot: () => void = () => {};
  /** Makes kexec_load fail with this errno. */
  kexecErrno: string | undefined;
  /** What the probe for KEXEC_JUMP gives. */
  jumpProbeErrno = 'EFAULT';
  jumpProbes = 0;
  syncs = 0;
  /** Freezing and thawing of filesystems, making and removing of directories: call and path. */
  readonly freezeLog: string[] = [];
  /** Which of them fail, and with what. */
  readonly freezeErrno = new Map<string, string>();
  /** Stands still unless it is set. */
  wallClockMs = 1_700_000_000_000;
  /** The clock of the kernel log; each line takes a millisecond. */
  logMs = 0;
  readonly stopped: string[] = [];
  /** How many callers hold back the signals that would end this process. */
  held = 0;
  /** Programs that were run, with the environment variables that they were given. */
  readonly programs: { readonly path: string; readonly environment: Readonly<Record<string, string>> }[] = [];
  /** How a program ends. */
  onRun: (path: string) => RunResult = () => ({ status: 0, failure: null, output: '' });
  readonly seeds: Uint8Array[] = [];
  /** Disks by path. */
  readonly disks = new Map<string, FakeDisk>();
  /** Nanoseconds, and ticks of the TSC: the processor has 1 GHz. Every look at it takes a while. */
  #clock = 1000n;
  readonly #options: FakeOptions;
  readonly #memory: { range: PhysRange; bytes: Uint8Array }[];

  constructor(options: FakeOptions = {}) {
    this.#options = options;
    this.files = new Map(Object.entries(options.files ?? {}));
    this.#memory = (options.memory ?? []).map((range) => ({ range, bytes: new Uint8Array(sizeOf(range)) }));
  }

  effectiveUid(): number {
    return this.#options.uid ?? 0;
  }
  #checkDenied(path: string, call = 'read'): void {
    if (this.#options.denied?.includes(path) !== true) return;
    throw new TorporError('E_SYSCALL', `cannot ${call} ${path}: EACCES`, {
      facts: { call, path, errno: 'EACCES' },
    });
  }
  readTextFile(path: string): string | null {
    this.#checkDenied(path);
    const content = this.files.get(path);
    return content === undefined ? null : Buffer.from(content).toString('utf8');
  }
  readBinaryFile(path: string): Uint8Array | null {
    this.#checkDenied(path);
    const content = this.files.get(path);
    return content === undefined ? null : Buffer.from(content);
  }
  readFileRange(path: string, offset: bigint, sizeBytes: number): Uint8Array | null {
    return this.readBinaryFile(path)?.subarray(Number(offset), Number(offset) + sizeBytes) ?? null;
  }
  readLink(path: string): string | null {
    this.#checkDenied(path);
    return this.#options.links?.[path] ?? null;
  }
  /** What is written to /dev/kmsg becomes a line of the kernel log, as dmesg shows it. */
  writeTextFile(path: string, content: string): void {
    this.#checkDenied(path, 'write');
    if (path === '/dev/kmsg') this.log(content.replace(/^<\d+>/, '').trimEnd());
    else this.files.set(path, content);
  }
  /** Adds a line to the kernel log. */
  log(text: string): void {
    this.logMs += 1;
    const before = this.files.get('/dev/kmsg') ?? '';
    this.files.set('/dev/kmsg', `${before}[${(this.logMs / 1000).toFixed(6).padStart(12)}] ${text}\n`);
  }
  listDirectory(path: string): string[] {
    this.#checkDenied(path);
    const inside = [...this.files.keys()].filter((name) => name.startsWith(`${path}/`));
    return [...new Set(inside.map((name) => name.slice(path.length + 1).split('/')[0]!))].toSorted();
  }
  readKernelLog(): string[] {
    return (this.readTextFile('/dev/kmsg') ?? '').trimEnd().split('\n');
  }
  kernelRelease(): string {
    return this.#options.release ?? '6.12.0-fake';
  }
  mapPhysical(range: PhysRange): { range: PhysRange; bytes: Uint8Array; close(): void } {
    if (this.effectiveUid() !== 0) {
      throw new TorporError('E_NOT_ROOT', 'cannot open /dev/mem: EACCES', { facts: { errno: 'EACCES' } });
    }
    const home = this.#memory.find((piece) => contains(piece.range, range));
    if (home === undefined) {
      throw new TorporError('E_DEVMEM_REFUSED', `the kernel refuses to map ${formatRange(range)}: EPERM`, {
        facts: { start: range.start, end: range.end, errno: 'EPERM' },
      });
    }
    const start = range.start - home.range.start;
    return { range, bytes: home.bytes.subarray(start, start + sizeOf(range)), close: () => {} };
  }
  kexecLoad(kind: KexecKind, entry: number, segments: readonly KexecSegment[]): void {
    if (this.kexecErrno !== undefined) {
      const facts = { call: 'kexec_load', errno: this.kexecErrno };
      throw new TorporError('E_SYSCALL', `kexec_load failed: ${this.kexecErrno}`, { facts });
    }
    if (segments.length === 0) this.images.delete(kind);
    else this.images.set(kind, { entry, segments });
  }
  probeKexecJump(): string {
    this.jumpProbes += 1;
    return this.jumpProbeErrno;
  }
  rebootKexec(): void {
    this.onReboot();
  }
  stopServices(): void {
    this.stopped.push('services');
  }
  endAllPrograms(): void {
    this.stopped.push('programs');
  }
  remountReadOnly(): void {
    this.stopped.push('filesystems');
  }
  runFirst<T>(action: () => T): T {
    return action();
  }
  sync(): void {
    this.syncs += 1;
  }
  freezeFilesystem(mountPoint: string): void {
    this.#freeze('freeze', mountPoint);
  }
  thawFilesystem(mountPoint: string): void {
    this.#freeze('thaw', mountPoint);
  }
  makeDirectory(path: string): void {
    this.#freeze('mkdir', path);
  }
  removeDirectory(path: string): void {
    this.#freeze('rmdir', path);
  }
  #freeze(call: string, path: string): void {
    this.freezeLog.push(`${call} ${path}`);
    const errno = this.freezeErrno.get(`${call} ${path}`);
    if (errno === undefined) return;
    throw new TorporError('E_SYSCALL', `${call} of ${path} failed: ${errno}`, {
      facts: { call, path, errno },
    });
  }
  holdSignals(): () => void {
    this.held += 1;
    return () => {
      this.held -= 1;
    };
  }
  runProgram(path: string, environment: Readonly<Record<string, string>>): RunResult {
    this.programs.push({ path, environment });
    return this.onRun(path);
  }
  reseedRandom(seed: Uint8Array): void {
    this.seeds.push(seed);
  }
  /** Gives this kernel a disk. */
  addDisk(path: string, content: Uint8Array): FakeDisk {
    const disk = new FakeDisk(path, content);
    this.disks.set(path, disk);
    return disk;
  }
  openBlockDevice(path: string, mode: BlockDeviceMode): BlockDevice {
    const disk = this.disks.get(path);
    if (disk !== undefined) return disk.device(mode);
    const facts = { call: 'open', path, errno: 'ENOENT' };
    throw new TorporError('E_SYSCALL', `open of ${path} failed: ENOENT`, { facts });
  }
  readTsc(): bigint {
    this.#clock += 1000n;
    return this.#clock;
  }
  realtimeMs(): number {
    return this.wallClockMs;
  }
  setRealtimeMs(ms: number): void {
    this.wallClockMs = ms;
  }
  monotonicNs(): bigint {
    this.#clock += 100_000n;
    return this.#clock;
  }
}
