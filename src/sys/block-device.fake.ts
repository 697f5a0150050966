import { TorporError } from '../base/errors.ts';
import type { BlockDevice, BlockDeviceMode } from './block-device.ts';
import { type PowerCut, seeded } from './storage.fake.ts';

/** What a disk writes at once or not at all. */
const SECTOR_BYTES = 512;

/** A write that no sync has made durable yet. */
interface PendingWrite {
  readonly offset: number;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

/** A disk in memory for unit tests, which can lose power. */
export class FakeDisk {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Mounted or otherwise held by this kernel: cannot be opened for writing. */
  isHeld = false;
  /** Makes reads at or behind this byte, or writes, fail with EIO. */
  badFrom = Number.POSITIVE_INFINITY;
  writesFailAfter = Number.POSITIVE_INFINITY;
  syncs = 0;
  drops = 0;
  open = 0;
  /** Called after each `write` and `sync`. */
  onChange: ((what: 'write' | 'sync') => void) | null = null;
  /** All that was ever written, in its order. */
  readonly written: { readonly start: number; readonly sizeBytes: number }[] = [];
  #writes = 0;
  #pending: PendingWrite[] = [];

  constructor(path: string, content: Uint8Array) {
    this.path = path;
    this.bytes = content;
  }

  device(mode: BlockDeviceMode): BlockDevice {
    if (mode === 'write' && this.isHeld) throw this.#failure('open', 'EBUSY');
    this.open += 1;
    let isOpen = true;
    const read = (offset: number, into: Uint8Array): void => {
      this.#checkBounds('read', offset, into.length);
      if (offset + into.length > this.badFrom) throw this.#failure('read', 'EIO');
      into.set(this.bytes.subarray(offset, offset + into.length));
    };
    const write = (offset: number, bytes: Uint8Array): void => {
      this.#change(mode, offset, bytes.length);
      this.#put(offset, bytes.slice());
    };
    /** All of it happens at the end: who looks at the memory before, or changes it, is found out. */
    const later = (transfer: () => void): (() => void) => {
      let isDone = false;
      return () => {
        if (!isDone) {
          isDone = true;
          transfer();
        }
      };
    };
    return {
      path: this.path,
      sizeBytes: this.bytes.length,
      read,
      write,
      beginRead: (offset, into) => later(() => read(offset, into)),
      beginWrite: (offset, bytes) => later(() => write(offset, bytes)),
      zero: (offset, sizeBytes) => {
        this.#change(mode, offset, sizeBytes);
        this.#put(offset, new Uint8Array(sizeBytes));
      },
      dropCache: () => {
        this.drops += 1;
      },
      sync: () => {
        this.syncs += 1;
        this.#pending = [];
        this.onChange?.('sync');
      },
      close: () => {
        if (isOpen) this.open -= 1;
        isOpen = false;
      },
    };
  }

  /** What is on the disk after a power cut now: sectors of what was not synced, in no particular order. */
  afterPowerCut(cut: PowerCut): Uint8Array {
    const random = typeof cut === 'object' ? seeded(cut.seed) : () => (cut === 'kept' ? 1 : 0);
    const found = this.bytes.slice();
    for (const { offset, before } of this.#pending.toReversed()) found.set(before, offset);
    for (const { offset, after } of this.#pending) {
      for (let at = 0; at < after.length; at += SECTOR_BYTES)
        if (random() >= 0.5) found.set(after.subarray(at, at + SECTOR_BYTES), offset + at);
    }
    return found;
  }

  #put(offset: number, after: Uint8Array): void {
    this.#pending.push({ offset, before: this.bytes.slice(offset, offset + after.length), after });
    this.bytes.set(after, offset);
    this.written.push({ start: offset, sizeBytes: after.length });
    this.onChange?.('write');
  }

  #change(mode: BlockDeviceMode, offset: number, length: number): void {
    if (mode === 'read') throw this.#failure('write', 'EBADF');
    this.#checkBounds('write', offset, length);
    this.#writes += 1;
    if (this.#writes > this.writesFailAfter) throw this.#failure('write', 'EIO');
  }

  #checkBounds(call: string, offset: number, length: number): void {
    if (offset < 0 || offset + length > this.bytes.length) throw this.#failure(call, 'ERANGE');
  }

  #failure(call: string, errno: string): TorporError {
    const facts = { call, path: this.path, errno };
    return new TorporError('E_SYSCALL', `${call} of ${this.path} failed: ${errno}`, { facts });
  }
}
