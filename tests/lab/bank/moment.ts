import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Memory, Witness } from '../../survival/witness.ts';
import type { Lab } from '../fixture.ts';
import { readTicks, whoseEndsAreInside } from './programs.ts';

/** Enough to tell what an OS is now from what it was at its snapshot. */
export const GO_ON_MS = 10_000;

/** What is true of an OS when it is saved. */
export interface Moment {
  readonly witness: Witness;
  readonly memory: Memory;
  readonly bootId: string;
}

/** A moment, and how far the OS got after it. */
export interface PastMoment extends Moment {
  readonly laterTicks: number;
}

/** Of the OS that runs. */
export async function rememberMoment(lab: Lab, witness: Witness): Promise<Moment> {
  await witness.verify();
  await lab.sh('rm -f /var/lib/later');
  const memory = whoseEndsAreInside(witness.remember());
  const { bootId } = await lab.machine.ping();
  return { witness, memory, bootId };
}

/** Has the OS, which runs, go on and become another one; its connection to the outside has only waited. */
export async function leaveMoment(lab: Lab, moment: Moment): Promise<PastMoment> {
  await moment.witness.verify();
  await lab.sh('echo later >/var/lib/later; sync');
  await sleep(GO_ON_MS);
  return { ...moment, laterTicks: await readTicks(lab.machine) };
}

/** Goes to the OS, which was restored, and checks that it goes on from its snapshot's moment. */
export async function requireMoment(lab: Lab, os: string, moment: PastMoment): Promise<void> {
  const { witness, memory, bootId, laterTicks } = moment;
  await lab.go(os);
  const ticks = await readTicks(lab.machine);
  assert.equal((await lab.machine.ping()).bootId, bootId);
  assert.ok(ticks < laterTicks, `${os} is at ${ticks} ticks; ${laterTicks} came long after the snapshot`);
  assert.equal(await lab.sh('cat /var/lib/later 2>/dev/null || echo none'), 'none');
  witness.rewind(memory);
  await witness.verify();
}
