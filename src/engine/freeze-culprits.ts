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

/** Who kept the kernel from stopping everything, from its log since the attempt. */
export function findCulprits(log: readonly string[]): {
  readonly tasks: string[];
  readonly lines: string[];
} {
  const lines = log.slice(-LAST_LINES).filter((line) => CULPRIT.test(line));
  return { tasks: [...new Set(lines.flatMap((line) => TASK.exec(line)?.[1] ?? []))], lines };
}
