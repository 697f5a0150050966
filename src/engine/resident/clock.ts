import type { Sys } from '../../sys/sys.ts';
import type { Arrival } from './jump.ts';
import { tscPerMs } from './tsc-clock.ts';

/** A smaller difference is not worth a step of the clock. */
const TOLERANCE_MS = 2;

/**
 * Sets the wall clock by that of the OS that was left. The kernel sets it from the battery clock,
 * which counts whole seconds (kernel/time/timekeeping.c, timekeeping_resume), so that it could
 * step back across a switch; the TSC says how long the switch took. After a panic there is nothing
 * to go by. Returns the step in ms, 0 for none.
 */
export function carryClock(sys: Sys, { control }: Arrival): number {
  if (control.mode === 'crash' || control.leaveRealtimeMs === 0) return 0;
  const passedMs = Number(sys.readTsc() - control.tscLeave) / tscPerMs(sys);
  const wantedMs = control.leaveRealtimeMs + passedMs;
  const stepMs = wantedMs - sys.realtimeMs();
  if (Math.abs(stepMs) < TOLERANCE_MS) return 0;
  sys.setRealtimeMs(wantedMs);
  return stepMs;
}
