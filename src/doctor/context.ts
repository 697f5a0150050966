import type { Sys } from '../sys/sys.ts';
import { readIfAllowed } from './if-allowed.ts';
import { type RunningConfig, readRunningConfig } from './running-config.ts';

/** What several checks look at, read once. */
export interface Context {
  readonly sys: Sys;
  readonly isRoot: boolean;
  /** The words of the kernel command line. */
  readonly kernelArguments: readonly string[];
  /** `flags` of the first processor in /proc/cpuinfo; empty on other architectures. */
  readonly cpuFlags: ReadonlySet<string>;
  /** Null when no configuration of the running kernel can be found. */
  readonly config: RunningConfig | null;
}

export function openContext(sys: Sys): Context {
  const flags = /^flags\s*:(.*)$/m.exec(readIfAllowed(sys, '/proc/cpuinfo') ?? '')?.[1] ?? '';
  return {
    sys,
    isRoot: sys.effectiveUid() === 0,
    kernelArguments: (readIfAllowed(sys, '/proc/cmdline') ?? '').split(/\s+/).filter((word) => word !== ''),
    cpuFlags: new Set(flags.split(' ').filter((flag) => flag !== '')),
    config: readRunningConfig(sys),
  };
}

/** The value of the last `name=value` on the kernel command line; null when it is not there. */
export function kernelArgument(context: Context, name: string): string | null {
  const found = context.kernelArguments.findLast((word) => word.startsWith(`${name}=`));
  return found?.slice(name.length + 1) ?? null;
}
