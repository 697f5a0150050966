import { allocate, syscall } from '../native.ts';
import { SYSTEM_CALL } from './call.ts';

// include/uapi/linux/sched.h
const SCHED_FIFO = 1;
const SCHED_RESET_ON_FORK = 0x4000_0000;
const LOWEST_PRIORITY = 1;

/** A kernel that refuses (in a container, say) leaves the thread as it is. */
export function runFirst<T>(action: () => T): T {
  // struct sched_param is one int.
  const parameter = allocate(4);
  const word = new DataView(parameter.bytes.buffer, parameter.bytes.byteOffset);
  const schedule = (policy: number): number =>
    syscall(SYSTEM_CALL.schedSetscheduler, 0, policy, parameter.address, 0, 0, 0);
  try {
    const policy = syscall(SYSTEM_CALL.schedGetscheduler, 0, 0, 0, 0, 0, 0);
    syscall(SYSTEM_CALL.schedGetparam, 0, parameter.address, 0, 0, 0, 0);
    const before = word.getInt32(0, true);
    word.setInt32(0, LOWEST_PRIORITY, true);
    schedule(SCHED_FIFO | SCHED_RESET_ON_FORK);
    try {
      return action();
    } finally {
      word.setInt32(0, before, true);
      schedule(policy);
    }
  } finally {
    parameter.unmap();
  }
}
