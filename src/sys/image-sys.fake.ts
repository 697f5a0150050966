import { TorporError } from '../base/errors.ts';
import { PAGE_BYTES } from '../base/units.ts';
import { FakeDisk } from './block-device.fake.ts';
import type { BlockDevice, BlockDeviceMode } from './block-device.ts';
import type { Extent, ImageSys, SnapshotDevice, SnapshotMode, UndoStep, WriteWatch } from './image-sys.ts';

/** What stands for a jump into another system: a call that does not return. */
export class JumpedAway extends Error {}

/** What the real one calls these in its errors. */
const KERNEL_NAMES: Readonly<Record<string, string>> = {
  freeze: 'SNAPSHOT_FREEZE',
  createImage: 'SNAPSHOT_CREATE_IMAGE',
  atomicRestore: 'SNAPSHOT_ATOMIC_RESTORE',
};

/** struct swsusp_info (kernel/power/power.h): pages of data, and of the whole stream. */
const IMAGE_PAGES_AT = 416;
const ALL_PAGES_AT = 424;

/** A kernel's image engine in memory for unit tests. */
export class FakeImageSys implements ImageSys {
  readonly disks = new Map<string, FakeDisk>();
  /** What this system's image is. */
  stream: Uint8Array = new Uint8Array();
  /** What was written to /dev/snapshot. */
  written: Uint8Array = new Uint8Array();
  /** The system comes back from its image instead of going on. */
  comesBack = false;
  /** Calls that fail, with their errno. */
  readonly failing = new Map<string, string>();
  /** Calls in their order: `freeze`, `freeze /`, `createImage`, … */
  readonly calls: string[] = [];
  /** Called when the machine is left: right before the jump, or instead of turning it off. */
  onLeave: () => void = () => {};
  readonly files = new Map<string, Extent[]>();
  /** What the kernel log was told. */
  readonly log: string[] = [];
  /** A disk whose writes nobody can tell. */
  isUnsure: (path: string) => boolean = () => false;
  /** Called with each call, before it is carried out. */
  onCall: (name: string) => void = () => {};
  /** Free memory, for one question after the other; the last answer stays. */
  readonly free: number[] = [2 ** 40];
  /** Around what is done while this process runs alone. */
  onAlone: <T>(action: () => T) => T = (action) => action();
  /** What would be undone now if this process were ended, in that order. */
  readonly undo: UndoStep[] = [];

  addDisk(path: string, content: Uint8Array): FakeDisk {
    const disk = new FakeDisk(path, content);
    this.disks.set(path, disk);
    return disk;
  }

  openSnapshotDevice(mode: SnapshotMode): SnapshotDevice {
    this.#call('open');
    let position = 0;
    let hasImage = false;
    const parts: Uint8Array[] = [];
    const write = (bytes: Uint8Array): void => {
      if (mode !== 'restore') throw this.#failure('write', 'EBADF');
      this.#call('write', parts.length > 0);
      parts.push(bytes.slice());
    };
    const requireAccepted = (): void => {
      const header = new DataView(parts[0]!.buffer);
      const counted = (at: number): number => Number(header.getBigUint64(at, true));
      const beforeData = counted(ALL_PAGES_AT) - counted(IMAGE_PAGES_AT);
      const isAccepted = parts.reduce((sum, { length }) => sum + length, 0) > beforeData * PAGE_BYTES;
      if (!isAccepted) throw new Error('pages of the data before the kernel has accepted the list');
    };
    return {
      freeze: () => this.#call('freeze'),
      createImage: () => {
        this.#call('createImage');
        hasImage = !this.comesBack;
        return this.comesBack ? 'restored' : 'taken';
      },
      imageBytes: () => this.stream.length,
      read: (into) => {
        if (mode !== 'take' || !hasImage) throw this.#failure('read', 'ENODATA');
        const part = this.stream.subarray(position, position + into.length);
        into.set(part);
        position += part.length;
        return part.length;
      },
      write,
      writeData: (bytes) => {
        requireAccepted();
        write(bytes);
      },
      writeZeros: (pages) => {
        requireAccepted();
        write(new Uint8Array(pages * PAGE_BYTES));
      },
      free: () => {
        this.#call('free');
        hasImage = false;
      },
      thaw: () => {
        if (!hasImage) this.#call('thaw');
      },
      atomicRestore: () => {
        this.#call('atomicRestore');
        this.written = Buffer.concat(parts);
        this.onLeave();
        throw new JumpedAway();
      },
      close: () => this.#call('close'),
    };
  }

  openDirect(path: string, mode: BlockDeviceMode): BlockDevice {
    const disk = this.disks.get(path);
    if (disk === undefined) throw this.#failure('open', 'ENOENT');
    return disk.device(mode);
  }
  watchWrites(paths: readonly string[]): WriteWatch {
    this.#call('watch');
    const logs = paths.map((path) => this.disks.get(path)!.written);
    const positions = logs.map(({ length }) => length);
    return {
      collect: () => {},
      take: () => {
        this.#call('take', true);
        return logs.map((log, index) => {
          const written = log.slice(positions[index]).toSorted((a, b) => a.start - b.start);
          positions[index] = log.length;
          return this.isUnsure(paths[index]!) ? null : written;
        });
      },
      close: () => this.#call('unwatch'),
    };
  }
  allocatePages(sizeBytes: number): Uint8Array {
    return new Uint8Array(sizeBytes);
  }

  allocateLarge(sizeBytes: number): Uint8Array {
    return new Uint8Array(sizeBytes);
  }
  forgetFiles(): void {}
  lockMemory(): void {}
  freezeFilesystem(mountPoint: string): void {
    this.#call(`freeze ${mountPoint}`);
  }
  thawFilesystem(mountPoint: string): void {
    this.#call(`thaw ${mountPoint}`);
  }
  sync(): void {
    this.#call('sync');
  }
  dropCaches(): void {
    this.#call('dropCaches');
  }
  freeBytes(): number {
    return this.free.length > 1 ? this.free.shift()! : this.free[0]!;
  }
  logLine(text: string): void {
    this.log.push(text);
  }
  mount(_source: string, place: string): void {
    this.#call(`mount ${place}`);
  }
  unmount(place: string): void {
    this.#call(`unmount ${place}`);
  }
  endMachine(how: 'off' | 'restart'): void {
    this.#call(how);
    this.onLeave();
    throw new JumpedAway();
  }
  makeDirectory(path: string): void {
    this.#call(`mkdir ${path}`);
  }
  removeDirectory(path: string): void {
    this.#call(`rmdir ${path}`);
  }
  preallocate(path: string): void {
    this.#call(`preallocate ${path}`);
  }
  fileExtents(path: string): Extent[] {
    return this.files.get(path) ?? [];
  }
  releaseMemory(): void {}

  runAlone<T>(action: () => T): T {
    return this.onAlone(action);
  }
  guard(): readonly number[] {
    return [];
  }
  undoLater(...steps: readonly UndoStep[]): () => void {
    this.undo.unshift(...steps.toReversed());
    return () => {
      for (const step of steps) this.undo.splice(this.undo.indexOf(step), 1);
    };
  }

  #call(name: string, isQuiet = false): void {
    this.onCall(name);
    if (!isQuiet) this.calls.push(name);
    const errno = this.failing.get(name);
    if (errno !== undefined) throw this.#failure(name, errno);
  }

  #failure(name: string, errno: string): TorporError {
    const [verb, place] = name.split(' ');
    const call = verb === 'unmount' ? 'umount' : (KERNEL_NAMES[name] ?? name);
    const facts = { call, path: place ?? '/dev/snapshot', errno };
    return new TorporError('E_SYSCALL', `${call} failed: ${errno}`, { facts });
  }
}
