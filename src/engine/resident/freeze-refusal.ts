import { TorporError } from '../../base/errors.ts';
import type { Sys } from '../../sys/sys.ts';
import { LOG_MARKS } from './log-marks.ts';

/**
 * Lines of the kernel that say who would not freeze (kernel/power/process.c, kernel/sched/core.c,
 * drivers/base/power/main.c and kernel/cpu.c of Linux 6.12).
 */
const CULPRIT =
  /Freezing .* (failed|aborted) after|task:.+ state:|PM: .*(failed|returns -)|Error taking CPU\d+ down|Wakeup pending/;
/** The name may hold spaces and is padded with them. */
const TASK = /task:(.+?) +state:/;
/** Each task that would not freeze comes with its stack. */
const LAST_LINES = 2000;

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
  const lines = log
    .slice(attempt + 1)
    .slice(-LAST_LINES)
    .filter((line) => CULPRIT.test(line));
  const tasks = [...new Set(lines.flatMap((line) => TASK.exec(line)?.[1] ?? []))];
  return new TorporError('E_FREEZE_REFUSED', `the kernel could not park this OS: ${errno}`, {
    facts: { errno, tasks, log: lines },
    hint:
      tasks.length > 0
        ? `end or unblock ${tasks.join(', ')}, then switch again; this OS goes on meanwhile`
        : 'the kernel log names the task or driver: `dmesg | tail -50`; this OS goes on meanwhile',
    cause,
  });
}
