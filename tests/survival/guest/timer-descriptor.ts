import { readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { allocate, lastErrno, syscall } from '../../../src/sys/native.ts';
import { type GuestProgram, requireEqual } from './guest-program.ts';

// x86-64 system calls and timerfd_create(2).
const SYS_TIMERFD_CREATE = 283;
const SYS_TIMERFD_SETTIME = 286;
const CLOCK_MONOTONIC = 1;
const TFD_NONBLOCK = 0o4000;
const INTERVAL_MS = 100;

export const timerDescriptor: GuestProgram = {
  id: 'timer-descriptor',
  doc: 'a timerfd that expires ten times a second; the kernel counts its expirations',
  start: async () => {
    const fd = syscall(SYS_TIMERFD_CREATE, CLOCK_MONOTONIC, TFD_NONBLOCK, 0, 0, 0, 0);
    if (fd < 0) throw new Error(`timerfd_create: ${lastErrno()}`);
    // struct itimerspec: interval and first expiration, each seconds and nanoseconds.
    const spec = allocate(4096);
    const words = new BigInt64Array(spec.bytes.buffer, spec.bytes.byteOffset, 4);
    const ns = BigInt(INTERVAL_MS) * 1_000_000n;
    words.set([0n, ns, 0n, ns]);
    requireEqual('timerfd_settime', 0, syscall(SYS_TIMERFD_SETTIME, fd, 0, spec.address, 0, 0, 0));
    spec.unmap();
    let ticks = 0;
    const count = (): number => {
      const value = Buffer.alloc(8);
      try {
        readSync(fd, value);
        return Number(value.readBigUInt64LE());
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
        throw error;
      }
    };
    return async () => {
      const times = [performance.now()];
      ticks += count();
      times.push(performance.now());
      await sleep(1000);
      times.push(performance.now());
      const expired = count();
      times.push(performance.now());
      // Node's clock and the timer's are the same: they must agree.
      const most = (times[3]! - times[0]!) / INTERVAL_MS + 1;
      const least = (times[2]! - times[1]!) / INTERVAL_MS - 1;
      if (expired < least - 1 || expired > most + 1) {
        throw new Error(`${expired} expirations in the time of ${least.toFixed(1)} to ${most.toFixed(1)}`);
      }
      ticks += expired;
      return { ticks };
    };
  },
};
