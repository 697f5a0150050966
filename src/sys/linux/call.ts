import { TorporError } from '../../base/errors.ts';
import { lastErrno } from '../native.ts';

/** x86-64 system call numbers (arch/x86/entry/syscalls/syscall_64.tbl). */
export const SYSTEM_CALL = {
  ioctl: 16,
  readv: 19,
  writev: 20,
  madvise: 28,
  flock: 73,
  syslog: 103,
  schedGetparam: 143,
  schedSetscheduler: 144,
  schedGetscheduler: 145,
  sync: 162,
  umount2: 166,
  reboot: 169,
  ioSetup: 206,
  ioDestroy: 207,
  ioGetevents: 208,
  ioSubmit: 209,
  clockSettime: 227,
  kexecLoad: 246,
  unshare: 272,
  fallocate: 285,
  mlock2: 325,
} as const;

/** Throws E_SYSCALL with the name of errno when a call's result says that it failed. */
export function check(call: string, result: number): void {
  if (result >= 0) return;
  const errno = lastErrno();
  throw new TorporError('E_SYSCALL', `${call} failed: ${errno}`, { facts: { call, errno } });
}
