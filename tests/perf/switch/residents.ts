import type { LabMachine } from '../../../lab/machine/lab-machine.ts';
import { homeOf } from '../../../lab/machine/machine-spec.ts';
import { TORPOR } from '../../../lab/machine/shut-down.ts';
import { fillerNames, PAIR } from './config.ts';
import { goTo } from './ping-pong.ts';

/** Boots or drops fillers until `count` guests are resident; home runs afterwards. */
export async function setResidents(
  machine: LabMachine,
  count: number,
  say: (text: string) => void,
): Promise<void> {
  await goTo(machine, homeOf(machine.spec).name);
  const resident = await readResidents(machine);
  const fillers = fillerNames(machine.spec.oses.length - 1 - PAIR.length);
  for (const [index, name] of fillers.entries()) {
    const wanted = index < count - PAIR.length;
    if (wanted && !resident.has(name)) {
      say(`boot ${name}`);
      await machine.boot(name);
    }
    if (!wanted && resident.has(name)) await machine.run([TORPOR, 'stop', '--force', name]);
  }
}

async function readResidents(machine: LabMachine): Promise<Set<string>> {
  const status = JSON.parse(await machine.run([TORPOR, 'status', '--json'])) as {
    slots: { name: string; state: string }[];
  };
  return new Set(status.slots.filter((slot) => slot.state !== 'empty').map((slot) => slot.name));
}
