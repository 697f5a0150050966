import * as z from 'zod';
import type { Switchboard } from '../../switchboard/switchboard.ts';
import type { Sys } from '../../sys/sys.ts';
import type { Arrival } from './jump.ts';
import { departurePhases, resumePhases } from './phases.ts';
import { tscPerMs } from './tsc-clock.ts';

/** Milliseconds. docs/switch-phases.md says where each part begins and ends. */
export const phasesSchema = z.object({
  /** From the request until every task of the leaving OS is frozen. */
  freeze: z.number(),
  /** Until the leaving OS's devices are quiet. */
  devices: z.number(),
  /** Until its other processors are off and it enters the trampoline. */
  cpus: z.number(),
  /** The trampoline itself. */
  jump: z.number(),
  /** From the trampoline until a program of the arriving OS runs. */
  resume: z.number(),
});

export const switchReportSchema = z.object({
  sequence: z.number().int(),
  from: z.string(),
  to: z.string(),
  /** How the other OS was left. */
  mode: z.enum(['park', 'leave', 'crash']),
  totalMs: z.number(),
  /** Null when the leaving kernel's log cannot tell. */
  phasesMs: phasesSchema.nullable(),
  /** Parts of `resume`: processors up, devices and tasks. Null when this kernel's log cannot tell. */
  resumeMs: z.object({ cpus: z.number(), devices: z.number(), tasks: z.number() }).nullable(),
});
export type SwitchReport = z.infer<typeof switchReportSchema>;

/** What the switch that just ended in this OS took, part by part. */
export function reportSwitch(
  sys: Sys,
  switchboard: Switchboard,
  { control, tscReturn }: Arrival,
): SwitchReport {
  const perMs = tscPerMs(sys);
  const span = (from: bigint, to: bigint): number => Number(to - from) / perMs;
  const leaver = switchboard.record(control.previous);
  const mode = control.mode ?? 'park';
  const departureMs = span(control.tscLeave, control.tscEnter);
  const departure = mode === 'park' ? departurePhases(sys, leaver, departureMs) : null;
  const resume = span(control.tscExit, tscReturn);
  return {
    sequence: control.sequence,
    from: leaver.name,
    to: switchboard.running().name,
    mode,
    // After a panic nobody has asked for the switch: it begins at the trampoline.
    totalMs: span(mode === 'crash' ? control.tscEnter : control.tscLeave, tscReturn),
    phasesMs:
      departure === null ? null : { ...departure, jump: span(control.tscEnter, control.tscExit), resume },
    resumeMs: resumePhases(sys.readKernelLog(), resume),
  };
}
