import type { LabMachine } from '../../../lab/machine/lab-machine.ts';
import type { GuestOs } from '../../survival/guest-os.ts';
import { RAM } from '../../survival/guest-os.ts';
import { programsFor } from '../../survival/registry.ts';
import type { Memory } from '../../survival/witness.ts';

/** A program with one end outside the machine is not set back whole. */
const OUTSIDE = 'host-connection';

/** The programs that a restore brings back whole. */
export function whoseEndsAreInside(memory: Memory): Memory {
  return new Map([...memory].filter(([program]) => program.id !== OUTSIDE));
}

/** The ids of all programs of this OS that a restore brings back whole. */
export function programsInside(os: GuestOs): string[] {
  return programsFor(os)
    .map(({ id }) => id)
    .filter((id) => id !== OUTSIDE);
}

/** How far the program `nonce` has counted in the OS that runs. */
export async function readTicks(machine: LabMachine): Promise<number> {
  return Number((await machine.run(['cat', `${RAM}/nonce`])).trim().split(' ')[1]);
}
