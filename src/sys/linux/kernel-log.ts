import { allocate, syscall } from '../native.ts';
import { SYSTEM_CALL } from './call.ts';

/** `SYSLOG_ACTION_READ_ALL` and `SYSLOG_ACTION_SIZE_BUFFER` of syslog(2). */
export function readKernelLog(): string[] {
  const sizeBytes = syscall(SYSTEM_CALL.syslog, 10, 0, 0, 0, 0, 0);
  if (sizeBytes <= 0) return [];
  const buffer = allocate(sizeBytes);
  try {
    const length = syscall(SYSTEM_CALL.syslog, 3, buffer.address, sizeBytes, 0, 0, 0);
    if (length < 0) return [];
    return Buffer.from(buffer.bytes.subarray(0, length))
      .toString('utf8')
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/^<\d+>/, ''));
  } finally {
    buffer.unmap();
  }
}
