import type { KernelLogRecord } from './kernel-log.ts';

/** What a kernel wrote into its log when it started; null when those lines are gone or never were. */
export interface KernelLogFacts {
  readonly banner: string | null;
  readonly commandLine: string | null;
  /** To a second, by the clock of the machine at that time; ms since 1970. */
  readonly bootedMs: number | null;
}

/** Only the kernel's own lines count: programs may write anything into the log. */
const KERNEL_FACILITY = 0;
const NS_PER_MS = 1_000_000n;

/** Looks for them (init/main.c and drivers/rtc/class.c, 6.1 to 7.2). */
export function findKernelLogFacts(records: readonly KernelLogRecord[]): KernelLogFacts {
  let banner: string | null = null;
  let commandLine: string | null = null;
  let bootedMs: number | null = null;
  for (const { facility, text, timestampNs } of records) {
    if (facility !== KERNEL_FACILITY) continue;
    if (text.startsWith('Linux version ')) banner ??= text;
    commandLine ??= /^Kernel command line: (.*)$/.exec(text)?.[1] ?? null;
    const clock = /: setting system clock to \S+ UTC \((\d{1,12})\)$/.exec(text)?.[1];
    if (clock !== undefined) bootedMs ??= Number(clock) * 1000 - Number(timestampNs / NS_PER_MS);
  }
  return { banner, commandLine, bootedMs };
}
