import type { Sys } from '../sys/sys.ts';

/** What a frozen kernel has come to rely on. */
export interface CpuFacts {
  readonly vendor: string;
  readonly model: string;
  /** As /proc/cpuinfo of home names them, sorted. */
  readonly flags: readonly string[];
  /** Kernels of this machine use 5-level page tables. */
  readonly la57: boolean;
  /** Logical processors that home has. */
  readonly processors: number;
}

/**
 * Names in /proc/cpuinfo that say what Linux does rather than what the processor has
 * (arch/x86/include/asm/cpufeatures.h of 6.12, words 3, 7 and 11): another kernel or other mitigations
 * of home name others on the same processor.
 */
const MADE_UP = new Set(
  [
    'rep_good nopl cpuid up xtopology tsc_reliable tsc_known_freq extd_apicid lfence_rdtsc xcompacted',
    'pti ssbd ibrs ibpb stibp ibrs_enhanced retpoline kaiser msr_spec_ctrl split_lock_detect user_shstk',
  ].flatMap((line) => line.split(' ')),
);

export function readCpuFacts(sys: Sys): CpuFacts {
  const text = sys.readTextFile('/proc/cpuinfo') ?? '';
  const first = (name: string): string =>
    new RegExp(`^${name}\\s*: (.*)$`, 'm').exec(text)?.[1]?.trim() ?? '';
  const flags = first('flags')
    .split(' ')
    .filter((flag) => flag !== '');
  return {
    vendor: first('vendor_id').slice(0, 64),
    model: first('model name').slice(0, 128),
    flags: flags.toSorted(),
    // The kernel clears la57 when it does not use it (arch/x86/kernel/cpu/common.c, 6.12).
    la57: flags.includes('la57'),
    processors: [...text.matchAll(/^processor\s*:/gm)].length || 1,
  };
}

/** Features of `before` that `now` lacks. */
export function missingFeatures(before: readonly string[], now: readonly string[]): string[] {
  const present = new Set(now);
  return before.filter((flag) => !present.has(flag) && !MADE_UP.has(flag));
}
