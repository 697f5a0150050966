import { Witness } from '../survival/witness.ts';
import type { Lab } from './fixture.ts';

/** Enough to tell an OS that went on from one that did not, and cheap: memory, a file in RAM and one on disk. */
const FEW: readonly string[] = ['nonce', 'tmpfs-file', 'growing-file', 'unlinked-file', 'pipe-in-flight'];

const witnesses = new Map<string, Witness>();

/** Goes to the OS and has the programs run in it; those of this life of it are kept. */
export async function watchOs(
  lab: Lab,
  name: string,
  programs: readonly string[] | 'all' = FEW,
): Promise<Witness> {
  await lab.go(name);
  const { bootId } = await lab.machine.ping();
  let witness = witnesses.get(name);
  if (witness?.bootId !== bootId) witness = await Witness.open(lab.machine);
  witnesses.set(name, witness);
  await witness.prepare(programs === 'all' ? undefined : programs);
  return witness;
}

/** Goes to each of the OSes and checks that everything in it went on. */
export async function verifyOses(lab: Lab, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await lab.go(name);
    await witnesses.get(name)!.verify();
  }
}
