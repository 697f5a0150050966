import type { SlotRecord } from '../../switchboard/record.ts';
import type { Sys } from '../../sys/sys.ts';
import { LOG_MARKS } from './log-marks.ts';
import { readSlotLog } from './slot-log.ts';

/** A line of a kernel log: milliseconds on that kernel's clock, and its text. */
export interface TimedLine {
  readonly ms: number;
  readonly text: string;
}

// kernel/power/process.c and kernel/cpu.c. 6.1 ends its line about freezing with “... (elapsed 0.004
// seconds) done.”, one record with the time of its beginning; 6.12 says “completed” in a second one.
const FROZEN = /^Freezing user space processes (?:completed|(\.\.\.)) \(elapsed (\d+\.\d+) seconds\)/;
const CPUS_DOWN = /Disabling non-boot CPUs/;
const CPUS_UP = /Enabling non-boot CPUs/;
const CPU_IS_UP = /^(?:smpboot: )?CPU\d+ is up/;
/** “... done.” in one record until 6.15; from 6.16 on “: Starting”, then “: Done”. */
const RESTARTING = /^Restarting tasks/;

/** Enough for the lines of a departure with many processors. */
const LAST_RECORDS = 200;

/** The parts of a departure, from the leaving kernel's log in its parked memory. Null when it cannot tell. */
export function departurePhases(
  sys: Sys,
  leaver: SlotRecord,
  totalMs: number,
): { freeze: number; devices: number; cpus: number } | null {
  try {
    const records = readSlotLog(sys, leaver, LAST_RECORDS);
    const lines = records.map(({ timestampNs, text }) => ({ ms: Number(timestampNs) / 1e6, text }));
    return splitDeparture(lines, totalMs);
  } catch {
    // The log is another kernel's and only serves the figures: a switch that worked must not fail on it.
    return null;
  }
}

/** Pure: the lines after the last leaving mark. */
export function splitDeparture(
  lines: readonly TimedLine[],
  totalMs: number,
): { freeze: number; devices: number; cpus: number } | null {
  const start = lines.findLastIndex((line) => line.text === LOG_MARKS.leave);
  if (start < 0) return null;
  const after = lines.slice(start);
  const frozen = after.find((line) => FROZEN.test(line.text));
  const down = after.find((line) => CPUS_DOWN.test(line.text));
  if (frozen === undefined || down === undefined) return null;
  const [, atBeginning, elapsed] = FROZEN.exec(frozen.text)!;
  const frozenMs = frozen.ms + (atBeginning === undefined ? 0 : Number(elapsed) * 1000);
  const freeze = frozenMs - after[0]!.ms;
  const devices = Math.max(0, down.ms - frozenMs);
  return { freeze, devices, cpus: Math.max(0, totalMs - freeze - devices) };
}

/** The parts of a return, from the running kernel's own log (`[  12.345678] text` lines). */
export function resumePhases(
  log: readonly string[],
  totalMs: number,
): { cpus: number; devices: number; tasks: number } | null {
  const lines = log.flatMap((line) => {
    const match = /^\[\s*(\d+\.\d+)\](?:\[[^\]]*\])? (.*)$/.exec(line);
    return match ? [{ ms: Number(match[1]) * 1000, text: match[2]! }] : [];
  });
  const end = lines.findLastIndex((line) => line.text === LOG_MARKS.arrive);
  const start = lines.findLastIndex((line, index) => index < end && line.text === LOG_MARKS.leave);
  if (start < 0) return null;
  const part = lines.slice(start + 1, end);
  const restarting = part.find((line) => RESTARTING.test(line.text));
  if (restarting === undefined) return null;
  const tasks = lines[end]!.ms - restarting.ms;
  // With one processor the kernel says nothing of processors.
  const up = part.findLast((line) => CPUS_UP.test(line.text) || CPU_IS_UP.test(line.text));
  const devices = up === undefined ? Math.max(0, totalMs - tasks) : restarting.ms - up.ms;
  return { cpus: Math.max(0, totalMs - devices - tasks), devices, tasks };
}
