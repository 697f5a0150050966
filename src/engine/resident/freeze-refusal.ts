import { TorporError } from '../../base/errors.ts';
import type { Sys } from '../../sys/sys.ts';
import { findCulprits } from '../freeze-culprits.ts';
import { LOG_MARKS } from './log-marks.ts';

/** Turns a failed reboot(KEXEC) into an error that names the task or driver, from the kernel log. */
export function explainFreezeRefusal(sys: Sys, cause: unknown): unknown {
  if (!(cause instanceof TorporError) || cause.code !== 'E_SYSCALL') return cause;
  const errno = cause.facts.errno ?? 'unknown';
  if (errno === 'EPERM') {
    return new TorporError('E_NOT_ROOT', 'switching needs root in the initial namespaces', {
      cause,
      hint: 'run this as root',
    });
  }
  const log = sys.readKernelLog();
  const attempt = log.findLastIndex((line) => line.endsWith(LOG_MARKS.leave));
  const { lines, tasks } = findCulprits(log.slice(attempt + 1));
  return new TorporError('E_FREEZE_REFUSED', `the kernel could not park this OS: ${errno}`, {
    facts: { errno, tasks, log: lines },
    hint:
      tasks.length > 0
        ? `end or unblock ${tasks.join(', ')}, then switch again; this OS goes on meanwhile`
        : 'the kernel log names the task or driver: `dmesg | tail -50`; this OS goes on meanwhile',
    cause,
  });
}
