import { TorporError } from '../../base/errors.ts';
import type { Sys } from '../../sys/sys.ts';

/** Lines of the kernel that say who would not freeze (kernel/power/process.c, drivers/base/power/main.c). */
const CULPRIT =
  /Freezing .* failed|task:(\S+)|PM: .*failed|refused to freeze|failed to (freeze|suspend|thaw)/;
const LAST_LINES = 200;

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
  const lines = sys
    .readKernelLog()
    .slice(-LAST_LINES)
    .filter((line) => CULPRIT.test(line));
  const tasks = lines.flatMap((line) => /task:(\S+)/.exec(line)?.[1] ?? []);
  return new TorporError('E_FREEZE_REFUSED', `the kernel could not park this OS: ${errno}`, {
    facts: { errno, tasks, log: lines },
    hint:
      tasks.length > 0
        ? `end or unblock ${tasks.join(', ')}, then switch again; this OS goes on meanwhile`
        : 'the kernel log names the task or driver: `dmesg | tail -50`; this OS goes on meanwhile',
    cause,
  });
}
