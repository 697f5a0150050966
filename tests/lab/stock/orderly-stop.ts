import { runProcess } from '../../../lab/build/run-process.ts';
import type { Witness } from '../../survival/witness.ts';
import type { StockMachine } from './stock-machine.ts';

/** Has all programs verified and ended, and the system stopped as its user would. */
export async function stopInOrder(machine: StockMachine, witness: Witness): Promise<void> {
  await witness.verify();
  await witness.finish();
  machine.begin('systemctl poweroff');
  await machine.off();
}

/** After that nothing is left to repair, not even a journal to be replayed. Throws what e2fsck says. */
export async function requireClean(disks: readonly string[]): Promise<void> {
  for (const disk of disks) await runProcess('e2fsck', ['-fn', disk]);
}
