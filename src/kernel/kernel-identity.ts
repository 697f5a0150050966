import { TorporError } from '../base/errors.ts';
import type { KernelData } from './kernel-data.ts';

/** What a kernel that does not run says of itself; null and a line in `unknown` for what it does not. */
export interface KernelIdentity {
  /** `uname -r` */
  readonly release: string;
  /** As /proc/version. */
  readonly banner: string | null;
  /** As `hostname`, of the first namespace. */
  readonly hostName: string | null;
  readonly commandLine: string | null;
  /** When it was started, by its own clock as it was set when it was stopped; ms since 1970. */
  readonly bootedMs: number | null;
  /** The clock when it was stopped: between two of its ticks; ms since 1970. */
  readonly stoppedMs: number | null;
  readonly unknown: readonly string[];
}

/** COMMAND_LINE_SIZE is 2048 on x86; an embedded one may be longer. */
const MAX_COMMAND_LINE_BYTES = 64 * 1024;
const MAX_BANNER_BYTES = 4096;
/** __NEW_UTS_LEN + 1 (include/uapi/linux/utsname.h): sysname, nodename, release, version, … */
const UTS_FIELD_BYTES = 65;
const NS_PER_MS = 1_000_000n;

/** Reads all of it; never throws for damaged memory. */
export function readKernelIdentity(data: KernelData): KernelIdentity {
  const unknown: string[] = [];
  const attempt = <T>(what: string, read: () => T): T | null => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof TorporError)) throw error;
      unknown.push(`${what}: ${error.message}`);
      return null;
    }
  };
  const times = attempt('start time', () => readTimes(data));
  return {
    release: data.vmcoreinfo.osrelease,
    banner: attempt('version', () => data.text(data.symbol('linux_banner'), MAX_BANNER_BYTES).trim()),
    hostName: attempt('host name', () => readHostName(data)),
    commandLine: attempt('command line', () =>
      data.text(data.u64(data.symbol('saved_command_line')), MAX_COMMAND_LINE_BYTES).trim(),
    ),
    bootedMs: times?.bootedMs ?? null,
    stoppedMs: times?.stoppedMs ?? null,
    unknown,
  };
}

function readHostName(data: KernelData): string {
  const { vmcoreinfo } = data;
  const name = vmcoreinfo.symbol('init_uts_ns') + BigInt(vmcoreinfo.offset('uts_namespace.name'));
  return data.text(name + BigInt(UTS_FIELD_BYTES), UTS_FIELD_BYTES);
}

/** Out of the timekeeper (kernel/time/timekeeping.c): wall clock = monotonic + offs_real, boot time = monotonic + offs_boot. */
function readTimes(data: KernelData): { bootedMs: number; stoppedMs: number } {
  const { btf } = data;
  const timekeeper = locateTimekeeper(data);
  const at = (path: string): bigint => timekeeper + BigInt(btf.offset('timekeeper', path));
  const bootedNs = data.s64(at('offs_real')) - data.s64(at('offs_boot'));
  const fractionNs = data.u64(at('tkr_mono.xtime_nsec')) >> BigInt(data.u32(at('tkr_mono.shift')) % 64);
  return {
    bootedMs: toMs(bootedNs),
    stoppedMs: toMs(data.s64(at('xtime_sec')) * 1_000_000_000n + fractionNs),
  };
}

/** Up to 6.16 in the variable tk_core, of an unnamed type before 6.13; from 6.17 on first of timekeeper_data. */
function locateTimekeeper(data: KernelData): bigint {
  const { btf } = data;
  const start = data.findSymbol('timekeeper_data') ?? data.symbol('tk_core');
  const offset =
    btf.findMember('tk_data', 'timekeeper')?.offsetBytes ?? btf.offsetInUnnamed('timekeeper', 'timekeeper');
  if (offset === null) throw new TorporError('E_KERNEL_DATA', 'its BTF does not have the type of tk_core');
  return start + BigInt(offset);
}

/** The last millisecond of ECMAScript's Date. */
const MAX_TIME_MS = 8_640_000_000_000_000n;

function toMs(ns: bigint): number {
  const ms = ns / NS_PER_MS;
  if (ms < 0n || ms > MAX_TIME_MS) throw new TorporError('E_KERNEL_DATA', `its clock cannot be ${ns} ns`);
  return Number(ms);
}
