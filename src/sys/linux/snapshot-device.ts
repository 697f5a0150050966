import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { TorporError } from '../../base/errors.ts';
import { PAGE_BYTES } from '../../base/units.ts';
import type { SnapshotDevice, SnapshotMode } from '../image-sys.ts';
import { addressOf, allocate, lastErrno, syscall } from '../native.ts';
import { SYSTEM_CALL } from './call.ts';

const PATH = '/dev/snapshot';
/** Below IOV_MAX (include/uapi/linux/uio.h). */
const MAX_PIECES = 256;
/** struct iovec (include/uapi/linux/uio.h): address and length. */
const IOVEC_BYTES = 16;

/** include/linux/suspend_ioctls.h, include/uapi/linux/suspend_ioctls.h (6.12): magic '3'. */
const IOCTL = {
  freeze: ['SNAPSHOT_FREEZE', 0x3301],
  unfreeze: ['SNAPSHOT_UNFREEZE', 0x3302],
  atomicRestore: ['SNAPSHOT_ATOMIC_RESTORE', 0x3304],
  free: ['SNAPSHOT_FREE', 0x3305],
  imageSize: ['SNAPSHOT_GET_IMAGE_SIZE', 0x8008_330e],
  createImage: ['SNAPSHOT_CREATE_IMAGE', 0x4004_3311],
} as const;

/** Reading-only is the side that takes an image, writing-only the one that restores (snapshot_open). */
export function openSnapshotDevice(mode: SnapshotMode): SnapshotDevice {
  // Made now: while everything is frozen nothing new should be needed.
  const answer = allocate(PAGE_BYTES);
  const view = new DataView(answer.bytes.buffer, answer.bytes.byteOffset);
  const vector = allocate(MAX_PIECES * IOVEC_BYTES);
  /** Lower and upper half of each address and of each length. */
  const halves = new Uint32Array(vector.bytes.buffer, vector.bytes.byteOffset, MAX_PIECES * 4);
  for (let piece = 0; piece < MAX_PIECES; piece += 1) halves[4 * piece + 2] = PAGE_BYTES;
  const point = (piece: number, address: number): void => {
    halves[4 * piece] = address % 2 ** 32;
    halves[4 * piece + 1] = address / 2 ** 32;
  };
  const zeros = Number(allocate(PAGE_BYTES).address);
  const fd = attempt('open', () => openSync(PATH, mode === 'take' ? constants.O_RDONLY : constants.O_WRONLY));
  const ioctl = ([call, request]: readonly [string, number], argument: bigint | number = 0): void => {
    if (syscall(SYSTEM_CALL.ioctl, fd, request, argument, 0, 0, 0) < 0) throw failure(call, lastErrno());
  };
  /** Moves the pages that the first pieces point at. Returns the bytes moved. */
  const transfer = (call: 'readv' | 'writev', count: number): number => {
    const moved = syscall(SYSTEM_CALL[call], fd, vector.address, count, 0, 0, 0);
    if (moved < 0) throw failure(call, lastErrno());
    return moved;
  };
  let isOpen = true;
  return {
    freeze: () => ioctl(IOCTL.freeze),
    createImage() {
      view.setInt32(0, -1, true);
      ioctl(IOCTL.createImage, answer.address);
      return view.getInt32(0, true) === 0 ? 'restored' : 'taken';
    },
    imageBytes() {
      ioctl(IOCTL.imageSize, answer.address);
      return Number(view.getBigUint64(0, true));
    },
    read(into) {
      // One page is all that the kernel gives at a time (snapshot_read()), but it does so for each piece of a readv(2).
      const base = Number(addressOf(into));
      for (let done = 0; done < into.length; ) {
        const count = Math.min(MAX_PIECES, (into.length - done) / PAGE_BYTES);
        for (let piece = 0; piece < count; piece += 1) point(piece, base + done + piece * PAGE_BYTES);
        const read = transfer('readv', count);
        if (read === 0) return done;
        done += read;
      }
      return into.length;
    },
    write(bytes) {
      // One page at a time is all that the kernel takes of a larger write (snapshot_write()).
      for (let done = 0; done < bytes.length; ) {
        const count = attempt('write', () => writeSync(fd, bytes, done, bytes.length - done, null));
        if (count === 0) throw failure('write', 'ENOSPC');
        done += count;
      }
    },
    writeData(bytes, isZero) {
      const pages = isZero?.length ?? bytes.length / PAGE_BYTES;
      let next = Number(addressOf(bytes));
      for (let page = 0; page < pages; ) {
        const count = Math.min(MAX_PIECES, pages - page);
        for (let piece = 0; piece < count; piece += 1) {
          const isStored = isZero?.[page + piece] !== 1;
          point(piece, isStored ? next : zeros);
          if (isStored) next += PAGE_BYTES;
        }
        const written = transfer('writev', count);
        // SAFETY: the kernel stops at the page that it refuses (do_loop_readv_writev() of fs/read_write.c), and must
        // not be given another one: the failure may have freed what the next page would be put into. Hence not Node's
        // writev, which would go on by itself. Behind the list only memory can be missing (get_buffer()).
        if (written !== count * PAGE_BYTES) throw failure('writev', 'ENOMEM');
        page += count;
      }
    },
    free: () => ioctl(IOCTL.free),
    thaw: () => ioctl(IOCTL.unfreeze),
    atomicRestore: () => ioctl(IOCTL.atomicRestore),
    close() {
      if (isOpen) closeSync(fd);
      isOpen = false;
    },
  };
}

function attempt<T>(call: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw failure(call, (cause as NodeJS.ErrnoException).code ?? 'unknown', cause);
  }
}

function failure(call: string, errno: string, cause?: unknown): TorporError {
  return new TorporError('E_SYSCALL', `${call} of ${PATH} failed: ${errno}`, {
    facts: { call, path: PATH, errno },
    cause,
  });
}
