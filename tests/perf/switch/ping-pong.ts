import { setTimeout as sleep } from 'node:timers/promises';
import type { LabMachine } from '../../../lab/machine/lab-machine.ts';
import { TorporError } from '../../../src/base/errors.ts';
import type { SwitchReport } from '../../../src/engine/resident/switch-report.ts';

/** How long each OS works between two switches. */
const DWELL_MS = 250;
const SWITCH_MS = 120_000;

/** One switch: what the product says, and how long the host waited for the other OS's answer. */
export interface Sample {
  readonly report: SwitchReport;
  readonly hostMs: number;
}

/** Goes to an OS when it does not run already. */
export async function goTo(machine: LabMachine, os: string): Promise<void> {
  if ((await machine.ping()).os !== os) await machine.switchTo(os, { timeoutMs: SWITCH_MS });
}

/** Visits the OSes in this order, again and again; the one that runs should be the last of them. */
export async function goRound(
  machine: LabMachine,
  order: readonly string[],
  rounds: number,
  onRound: (done: number) => void = () => {},
): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    for (const os of order) {
      await sleep(DWELL_MS);
      const { report, hostMs } = await machine.switchTo(os, { timeoutMs: SWITCH_MS });
      if (report === null) {
        throw new TorporError('E_LAB_MACHINE', `the report of the switch to ${os} was lost`, {
          hint: 'run the bench again; the serial line lost it',
        });
      }
      samples.push({ report, hostMs });
    }
    onRound(round);
  }
  return samples;
}
