import { TorporError } from '../base/errors.ts';
import type { BlockDevice, BlockDeviceMode } from './block-device.ts';

/** A disk in memory for unit tests. */
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
  #writes = 0;

  constructor(path: string, content: Uint8Array) {
    this.path = path;
    this.bytes = content;
  }

  device(mode: BlockDeviceMode): BlockDevice {
    if (mode === 'write' && this.isHeld) throw this.#failure('open', 'EBUSY');
    this.open += 1;
    let isOpen = true;
    return {
      path: this.path,
      sizeBytes: this.bytes.length,
      read: (offset, into) => {
        this.#checkBounds('read', offset, into.length);
        if (offset + into.length > this.badFrom) throw this.#failure('read', 'EIO');
        into.set(this.bytes.subarray(offset, offset + into.length));
      },
      write: (offset, bytes) => {
        this.#change(mode, offset, bytes.length);
        this.bytes.set(bytes, offset);
      },
      zero: (offset, sizeBytes) => {
        this.#change(mode, offset, sizeBytes);
        this.bytes.fill(0, offset, offset + sizeBytes);
      },
      dropCache: () => {
        this.drops += 1;
      },
      sync: () => {
        this.syncs += 1;
      },
      close: () => {
        if (isOpen) this.open -= 1;
        isOpen = false;
      },
    };
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
