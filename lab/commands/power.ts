import { Command } from 'commander';
import { print } from '../../src/cli/output.ts';
import { locateLab } from '../machine/state.ts';
import { runStages } from './run-stages.ts';
import { showStatus } from './status.ts';
import { withMachine } from './with-machine.ts';

export function powerCutCommand(): Command {
  return new Command('power-cut')
    .description('end the machine at once, as pulling its plug does; its disks stay as they are')
    .action(async () => {
      await withMachine((machine) => machine.powerCut());
      print('the machine is off; `torpor lab power-on` starts it with the same disks');
    });
}

export function powerOnCommand(): Command {
  return new Command('power-on')
    .description('start the same machine again with the disks that it has; no guest is resident then')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => {
      await withMachine(async (machine) => {
        const title = `start ${machine.spec.oses[0]!.name}`;
        await runStages([{ title, run: async () => void (await machine.powerOn()) }]);
      });
      await showStatus(locateLab(), options.json === true);
    });
}
