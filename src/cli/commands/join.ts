import { hostname } from 'node:os';
import { Command } from 'commander';
import { enterMachine } from '../../machine/enter-machine.ts';
import { withMachineLock } from '../../machine/lock.ts';
import { openLinux } from '../../sys/linux.ts';
import { print, printJson } from '../output.ts';

export function joinCommand(): Command {
  return new Command('join')
    .description('announce this OS to its machine; to be run once, when it is up (the agent does it too)')
    .option('--name <name>', 'the name of home (other OSes have the name they were booted by)', hostname())
    .option('--json', 'print JSON')
    .action(async (options: { name: string; json?: boolean }) => {
      await withMachineLock(() =>
        enterMachine(openLinux(), options.name, (_, self) => {
          if (options.json === true)
            printJson({ slot: self.index, name: self.name, crashArmed: self.crashArmed });
          else
            print(
              `this is “${self.name}” in slot ${self.index}${self.crashArmed ? '' : '; a crash of it would not come back: there is no crashkernel= reservation'}`,
            );
        }),
      );
    });
}
