import { TorporError } from '../base/errors.ts';
import { contains, formatRange, type PhysRange, sizeOf } from '../base/ranges.ts';
import type { KexecKind, KexecSegment, Sys } from './sys.ts';

interface FakeOptions {
  readonly uid?: number;
  readonly release?: string;
  /** Files by path; directories follow from the paths. */
  readonly files?: Record<string, string | Uint8Array>;
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
  syncs = 0;
  readonly stopped: string[] = [];
  #tsc = 1000n;
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
  readTextFile(path: string): string | null {
    const content = this.files.get(path);
    return content === undefined ? null : Buffer.from(content).toString('utf8');
  }
  readBinaryFile(path: string): Uint8Array | null {
    const content = this.files.get(path);
    return content === undefined ? null : Buffer.from(content);
  }
  writeTextFile(path: string, content: string): void {
    this.files.set(path, content);
  }
  listDirectory(path: string): string[] {
    const inside = [...this.files.keys()].filter((name) => name.startsWith(`${path}/`));
    return [...new Set(inside.map((name) => name.slice(path.length + 1).split('/')[0]!))].toSorted();
  }
  readKernelLog(): string[] {
    return (this.readTextFile('/dev/kmsg') ?? '').split('\n');
  }
  kernelRelease(): string {
    return this.#options.release ?? '6.12.0-fake';
  }
  mapPhysical(range: PhysRange): { range: PhysRange; bytes: Uint8Array; close(): void } {
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
  rebootKexec(): void {
    this.onReboot();
  }
  stopServices(): void {
    this.stopped.push('services');
  }
  endAllPrograms(): void {
    this.stopped.push('programs');
  }
  sync(): void {
    this.syncs += 1;
  }
  readTsc(): bigint {
    this.#tsc += 1000n;
    return this.#tsc;
  }
  monotonicNs(): bigint {
    return this.#tsc;
  }
}
