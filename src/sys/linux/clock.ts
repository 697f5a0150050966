import { allocate, syscall } from '../native.ts';
import { check, SYSTEM_CALL } from './call.ts';

const CLOCK_REALTIME = 0;

/** clock_settime(2) with a `struct timespec`: seconds, nanoseconds. */
export function setRealtimeMs(ms: number): void {
  const timespec = allocate(16);
  try {
    const view = new DataView(timespec.bytes.buffer, timespec.bytes.byteOffset);
    const seconds = Math.floor(ms / 1000);
    view.setBigInt64(0, BigInt(seconds), true);
    view.setBigInt64(8, BigInt(Math.floor((ms - seconds * 1000) * 1e6)), true);
    check('clock_settime', syscall(SYSTEM_CALL.clockSettime, CLOCK_REALTIME, timespec.address, 0, 0, 0, 0));
  } finally {
    timespec.unmap();
  }
}
