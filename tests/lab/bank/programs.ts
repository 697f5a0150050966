import type { GuestOs } from '../../survival/guest-os.ts';
import { RAM } from '../../survival/guest-os.ts';
import { programsFor } from '../../survival/registry.ts';
import type { SurvivalMachine } from '../../survival/survival-machine.ts';
import type { Memory } from '../../survival/witness.ts';

/** The programs that a restore brings back whole. */
export function whoseEndsAreInside(memory: Memory): Memory {
  return new Map([...memory].filter(([program]) => program.isReachedFromOutside !== true));
}

/** The ids of all programs of this OS that a restore brings back whole. */
export function programsInside(os: GuestOs): string[] {
  return programsFor(os)
    .filter((program) => program.isReachedFromOutside !== true)
    .map(({ id }) => id);
}

/** How far the program `nonce` has counted in the OS that runs. */
export async function readTicks(machine: SurvivalMachine): Promise<number> {
  const { stdout } = await machine.exec(['cat', `${RAM}/nonce`]);
  return Number(stdout.toString().trim().split(' ')[1]);
}
