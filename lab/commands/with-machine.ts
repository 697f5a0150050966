import { LabMachine } from '../machine/lab-machine.ts';

/** Runs `action` with the lab machine and lets go of its lines afterwards, so that the command ends. */
export async function withMachine<T>(action: (machine: LabMachine) => Promise<T>): Promise<T> {
  const machine = LabMachine.open();
  try {
    return await action(machine);
  } finally {
    machine.close();
  }
}
