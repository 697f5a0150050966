import { constants, fstatSync, fsyncSync, ftruncateSync, readFileSync, writeSync } from 'node:fs';
import { PAGE_BYTES } from '../../base/units.ts';
import type { Extent, ImageSys } from '../image-sys.ts';
import { allocate, lastErrno, syscall } from '../native.ts';
import { runAlone } from './alone.ts';
import { openDirectDevice } from './block-device.ts';
import { check, SYSTEM_CALL } from './call.ts';
import { failure, withFile } from './file-call.ts';
import { freezeCalls } from './freeze.ts';
import { REBOOT_MAGIC1, REBOOT_MAGIC2 } from './kexec.ts';
import { allocateLarge } from './large-pages.ts';
import { mount, unmount } from './mounting.ts';
import { forgetFiles, lockMemory } from './own-files.ts';
import { releaseMemory } from './release-memory.ts';
import { openSnapshotDevice } from './snapshot-device.ts';
import { guard, undoLater } from './undo.ts';
import { watchWrites } from './write-watch.ts';

// include/uapi/linux/fs.h, include/uapi/linux/fiemap.h (6.12)
const FS_IOC_FIEMAP = 0xc020_660b;
const FIEMAP_FLAG_SYNC = 1;
const FIEMAP_HEADER_BYTES = 32;
const FIEMAP_EXTENT_BYTES = 56;
const FIEMAP_EXTENT_LAST = 1;
/** UNKNOWN, DELALLOC, ENCODED, DATA_ENCRYPTED, NOT_ALIGNED, DATA_INLINE, DATA_TAIL: not the bytes on the disk. */
const FIEMAP_EXTENT_UNUSABLE = 0x2 | 0x4 | 0x8 | 0x80 | 0x100 | 0x200 | 0x400;
const EXTENTS_AT_A_TIME = 64;

/** include/uapi/linux/reboot.h: LINUX_REBOOT_CMD_POWER_OFF and _RESTART, without a sync before them. */
const REBOOT_COMMANDS = { off: 0x4321_fedc, restart: 0x0123_4567 } as const;

/** The running kernel. */
export function openLinuxImage(): ImageSys {
  return {
    openSnapshotDevice,
    openDirect: openDirectDevice,
    watchWrites,
    allocatePages: (sizeBytes) => allocate(sizeBytes).bytes,
    allocateLarge,
    forgetFiles,
    lockMemory,
    ...freezeCalls,
    dropCaches() {
      freezeCalls.sync();
      writeSpecial('/proc/sys/vm/drop_caches', '3');
    },
    freeBytes: () => Number(/^MemFree:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))![1]) * 1024,
    logLine(text) {
      try {
        writeSpecial('/dev/kmsg', `<5>torpor: ${text}\n`);
      } catch {
        // Nothing depends on it.
      }
    },
    mount,
    unmount,
    endMachine: (how) => check('reboot', reboot(REBOOT_COMMANDS[how])),
    preallocate,
    fileExtents,
    runAlone,
    releaseMemory,
    undoLater,
    guard,
  };
}

function reboot(command: number): number {
  return syscall(SYSTEM_CALL.reboot, REBOOT_MAGIC1, REBOOT_MAGIC2, command, 0, 0, 0);
}

function writeSpecial(path: string, text: string): void {
  withFile('open', path, constants.O_WRONLY, (fd) => {
    try {
      writeSync(fd, text);
    } catch (cause) {
      throw failure('write', path, (cause as NodeJS.ErrnoException).code ?? 'unknown', cause);
    }
  });
}

function preallocate(path: string, sizeBytes: number): void {
  withFile('open', path, constants.O_RDWR | constants.O_CREAT, (fd) => {
    const stat = fstatSync(fd);
    if (stat.size >= sizeBytes && stat.blocks * 512 >= stat.size) return;
    ftruncateSync(fd, 0);
    if (syscall(SYSTEM_CALL.fallocate, fd, 0, 0, sizeBytes, 0, 0) < 0) {
      const errno = lastErrno();
      ftruncateSync(fd, 0);
      throw failure('fallocate', path, errno);
    }
    fsyncSync(fd);
  });
}

/** struct fiemap and struct fiemap_extent (include/uapi/linux/fiemap.h). */
function fileExtents(path: string): Extent[] {
  const extents: Extent[] = [];
  const buffer = allocate(FIEMAP_HEADER_BYTES + EXTENTS_AT_A_TIME * FIEMAP_EXTENT_BYTES);
  const view = new DataView(buffer.bytes.buffer, buffer.bytes.byteOffset);
  try {
    withFile('open', path, constants.O_RDONLY, (fd) => {
      const sizeBytes = fstatSync(fd).size;
      for (let next = 0; next < sizeBytes; ) {
        buffer.bytes.fill(0);
        view.setBigUint64(0, BigInt(next), true);
        view.setBigUint64(8, BigInt(sizeBytes - next), true);
        view.setUint32(16, FIEMAP_FLAG_SYNC, true);
        view.setUint32(24, EXTENTS_AT_A_TIME, true);
        if (syscall(SYSTEM_CALL.ioctl, fd, FS_IOC_FIEMAP, buffer.address, 0, 0, 0) < 0)
          throw failure('FIEMAP', path, lastErrno());
        const count = view.getUint32(20, true);
        if (count === 0) throw failure('FIEMAP', path, 'ENODATA');
        for (let index = 0; index < count; index += 1) {
          const at = FIEMAP_HEADER_BYTES + index * FIEMAP_EXTENT_BYTES;
          const logical = Number(view.getBigUint64(at, true));
          const start = Number(view.getBigUint64(at + 8, true));
          const length = Number(view.getBigUint64(at + 16, true));
          const flags = view.getUint32(at + 40, true);
          const isUsable =
            logical === next && (flags & FIEMAP_EXTENT_UNUSABLE) === 0 && (start | length) % PAGE_BYTES === 0;
          if (!isUsable) throw failure('FIEMAP', path, 'EOPNOTSUPP');
          const taken = Math.min(length, sizeBytes - next);
          extents.push({ start, sizeBytes: taken });
          next += taken;
          if ((flags & FIEMAP_EXTENT_LAST) !== 0 && next < sizeBytes)
            throw failure('FIEMAP', path, 'ENODATA');
        }
      }
    });
  } finally {
    buffer.unmap();
  }
  return extents;
}
