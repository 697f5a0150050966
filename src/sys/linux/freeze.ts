import { constants, mkdirSync, rmdirSync } from 'node:fs';
import type { FreezeCalls } from '../freeze-calls.ts';
import { lastErrno, syscall } from '../native.ts';
import { SYSTEM_CALL } from './call.ts';
import { failure, withFile } from './file-call.ts';

// include/uapi/linux/fs.h (6.12)
const FIFREEZE = 0xc004_5877;
const FITHAW = 0xc004_5878;

/** Of the running kernel. */
export const freezeCalls: FreezeCalls = {
  freezeFilesystem: (place) => filesystemIoctl('FIFREEZE', FIFREEZE, place),
  thawFilesystem: (place) => filesystemIoctl('FITHAW', FITHAW, place),
  sync() {
    syscall(SYSTEM_CALL.sync, 0, 0, 0, 0, 0, 0);
  },
  makeDirectory(path) {
    attempt('mkdir', path, () => mkdirSync(path, { recursive: true }));
  },
  removeDirectory(path) {
    attempt('rmdir', path, () => rmdirSync(path));
  },
};

function filesystemIoctl(name: string, request: number, place: string): void {
  withFile('open', place, constants.O_RDONLY, (fd) => {
    if (syscall(SYSTEM_CALL.ioctl, fd, request, 0, 0, 0, 0) < 0) throw failure(name, place, lastErrno());
  });
}

function attempt(call: string, path: string, action: () => void): void {
  try {
    action();
  } catch (cause) {
    throw failure(call, path, (cause as NodeJS.ErrnoException).code ?? 'unknown', cause);
  }
}
