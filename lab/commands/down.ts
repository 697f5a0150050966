import { Command } from 'commander';
import { print } from '../../src/cli/output.ts';
import { runStages } from './run-stages.ts';
import { withMachine } from './with-machine.ts';

export function downCommand(): Command {
  return new Command('down')
    .description('shut every OS down in order and end the machine; its disks stay until the next `up`')
    .option('--force', 'end it as a power cut does')
    .action(async (options: { force?: boolean }) => {
      await withMachine(async (machine) => {
        if (options.force === true) await machine.powerCut();
        else await runStages([{ title: 'shut down', run: (report) => machine.shutDown(report) }]);
      });
      print('the lab machine is off');
    });
}
