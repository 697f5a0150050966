import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { TorporError } from '../../base/errors.ts';
import { PAGE_BYTES } from '../../base/units.ts';
import type { SnapshotDevice, SnapshotMode } from '../image-sys.ts';
import { allocate, lastErrno, syscall } from '../native.ts';
import { SYSTEM_CALL } from './call.ts';
import { consecutiveVectors, type PageVector, zeroVector } from './page-vector.ts';

const PATH = '/dev/snapshot';

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
  const vectorOf = consecutiveVectors();
  const zeros = zeroVector();
  const fd = attempt('open', () => openSync(PATH, mode === 'take' ? constants.O_RDONLY : constants.O_WRONLY));
  const ioctl = ([call, request]: readonly [string, number], argument: bigint | number = 0): void => {
    if (syscall(SYSTEM_CALL.ioctl, fd, request, argument, 0, 0, 0) < 0) throw failure(call, lastErrno());
  };
  /**
   * Moves pages; the kernel takes or gives one at a time (snapshot_read(), snapshot_write()), but one for each piece.
   * Returns the bytes moved.
   */
  const transfer = (call: 'readv' | 'writev', { address, pages }: PageVector): number => {
    const moved = syscall(SYSTEM_CALL[call], fd, address, pages, 0, 0, 0);
    if (moved < 0) throw failure(call, lastErrno());
    return moved;
  };
  const writeAll = (vector: PageVector): void => {
    // SAFETY: the kernel stops at the page that it refuses (do_loop_readv_writev() of fs/read_write.c), and must
    // not be given another one: the failure may have freed what the next page would be put into. Hence not Node's
    // writev, which would go on by itself. Behind the list only memory can be missing (get_buffer()).
    if (transfer('writev', vector) !== vector.pages * PAGE_BYTES) throw failure('writev', 'ENOMEM');
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
      for (let done = 0; done < into.length; ) {
        const read = transfer('readv', vectorOf(into.subarray(done)));
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
    writeData(bytes) {
      for (let done = 0; done < bytes.length; ) {
        const vector = vectorOf(bytes.subarray(done));
        writeAll(vector);
        done += vector.pages * PAGE_BYTES;
      }
    },
    writeZeros(pages) {
      for (let left = pages; left > 0; left -= zeros.pages)
        writeAll({ ...zeros, pages: Math.min(left, zeros.pages) });
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
