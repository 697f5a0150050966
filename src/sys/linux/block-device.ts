import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { TorporError } from '../../base/errors.ts';
import type { BlockDevice, BlockDeviceMode } from '../block-device.ts';
import { allocate, errnoName, lastErrno, syscall } from '../native.ts';
import { SYSTEM_CALL } from './call.ts';
import { type Overlap, openOverlap } from './overlap.ts';

// include/uapi/linux/fs.h
const BLKFLSBUF = 0x1261;
const BLKZEROOUT = 0x127f;
const BLKGETSIZE64 = 0x80081272;
/** Written at a time where the device cannot zero by itself. */
const ZERO_CHUNK_BYTES = 1024 * 1024;

/** Opens a disk, or a file that stands for one (as in tests). */
export function openBlockDevice(path: string, mode: BlockDeviceMode): BlockDevice {
  return openDevice(path, mode, false);
}

/** Opens a disk past this kernel's cache, whoever else has it. */
export function openDirectDevice(path: string, mode: BlockDeviceMode): BlockDevice {
  return openDevice(path, mode, true);
}

function openDevice(path: string, mode: BlockDeviceMode, isDirect: boolean): BlockDevice {
  const attempt = <T>(call: string, action: () => T): T => {
    try {
      return action();
    } catch (cause) {
      throw failure(call, path, (cause as NodeJS.ErrnoException).code ?? 'unknown', cause);
    }
  };
  const ioctl = (call: string, request: number, argument: bigint): void => {
    if (syscall(SYSTEM_CALL.ioctl, fd, request, argument, 0, 0, 0) < 0)
      throw failure(call, path, lastErrno());
  };
  const isDisk = attempt('open', () => isBlockDevice(path));
  const direct = isDirect ? constants.O_DIRECT : 0;
  const exclusive = isDisk && !isDirect ? constants.O_EXCL : 0;
  const fd = attempt('open', () =>
    openSync(path, mode === 'read' ? constants.O_RDONLY | direct : constants.O_RDWR | direct | exclusive),
  );
  const size = (): number => {
    if (!isDisk) return attempt('stat', () => fstatSync(fd)).size;
    const answer = allocate(8);
    try {
      ioctl('BLKGETSIZE64', BLKGETSIZE64, answer.address);
      return Number(new DataView(answer.bytes.buffer, answer.bytes.byteOffset).getBigUint64(0, true));
    } finally {
      answer.unmap();
    }
  };
  const sizeBytes = closingOnFailure(fd, size);
  const checkBounds = (call: string, offset: number, length: number): void => {
    if (offset < 0 || offset + length > sizeBytes) throw failure(call, path, 'ERANGE');
  };
  const write = (offset: number, bytes: Uint8Array): void => {
    checkBounds('write', offset, bytes.length);
    for (let done = 0; done < bytes.length; )
      done += attempt('write', () => writeSync(fd, bytes, done, bytes.length - done, offset + done));
  };
  const read = (offset: number, into: Uint8Array): void => {
    checkBounds('read', offset, into.length);
    for (let done = 0; done < into.length; ) {
      const count = attempt('read', () => readSync(fd, into, done, into.length - done, offset + done));
      if (count === 0) throw failure('read', path, 'EIO');
      done += count;
    }
  };
  /** Undefined until somebody needs it; null: this kernel has none. */
  let overlap: Overlap | null | undefined;
  const begin = (call: 'read' | 'write', offset: number, bytes: Uint8Array): (() => void) => {
    checkBounds(call, offset, bytes.length);
    if (overlap === undefined) overlap = openOverlap(fd);
    if (overlap === null || bytes.length === 0) {
      (call === 'read' ? read : write)(offset, bytes);
      return () => {};
    }
    let finish: (() => number) | null = overlap.begin(call, offset, bytes);
    return () => {
      const moved = finish?.() ?? bytes.length;
      finish = null;
      if (moved < 0) throw failure(call, path, errnoName(-moved));
      // A disk moves all of what lies within it.
      if (moved !== bytes.length) throw failure(call, path, 'EIO');
    };
  };
  let zeroesItself = isDisk;
  let isOpen = true;
  return {
    path,
    sizeBytes,
    read,
    write,
    beginRead: (offset, into) => begin('read', offset, into),
    beginWrite: (offset, bytes) => begin('write', offset, bytes),
    zero(offset, length) {
      checkBounds('BLKZEROOUT', offset, length);
      if (length === 0) return;
      if (zeroesItself) {
        try {
          return zeroOut(offset, length, ioctl);
        } catch (error) {
          if (!isUnsupported(error)) throw error;
          zeroesItself = false;
        }
      }
      const zeros = new Uint8Array(Math.min(length, ZERO_CHUNK_BYTES));
      for (let done = 0; done < length; done += zeros.length)
        write(offset + done, zeros.subarray(0, Math.min(zeros.length, length - done)));
    },
    dropCache() {
      if (isDisk) ioctl('BLKFLSBUF', BLKFLSBUF, 0n);
    },
    sync: () => attempt('fsync', () => fsyncSync(fd)),
    close() {
      if (!isOpen) return;
      isOpen = false;
      overlap?.close();
      closeSync(fd);
    },
  };
}

/** `uint64_t range[2]`: start and length in bytes (block/ioctl.c, blk_ioctl_zeroout). */
function zeroOut(
  offset: number,
  length: number,
  ioctl: (call: string, request: number, argument: bigint) => void,
): void {
  const range = allocate(16);
  try {
    const view = new DataView(range.bytes.buffer, range.bytes.byteOffset);
    view.setBigUint64(0, BigInt(offset), true);
    view.setBigUint64(8, BigInt(length), true);
    ioctl('BLKZEROOUT', BLKZEROOUT, range.address);
  } finally {
    range.unmap();
  }
}

function isBlockDevice(path: string): boolean {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    return fstatSync(fd).isBlockDevice();
  } finally {
    closeSync(fd);
  }
}

function closingOnFailure<T>(fd: number, action: () => T): T {
  try {
    return action();
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function isUnsupported(error: unknown): boolean {
  return (
    error instanceof TorporError &&
    ['EOPNOTSUPP', 'ENOTSUP', 'ENOTTY', 'EINVAL'].includes(String(error.facts.errno))
  );
}

function failure(call: string, path: string, errno: string, cause?: unknown): TorporError {
  return new TorporError('E_SYSCALL', `${call} of ${path} failed: ${errno}`, {
    facts: { call, path, errno },
    cause,
  });
}
