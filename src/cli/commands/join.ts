import { hostname } from 'node:os';
import { Command } from 'commander';
import { joinMachine } from '../../machine/join.ts';
import { withMachineLock } from '../../machine/lock.ts';
import { takeMessage } from '../../machine/messages.ts';
import { switchTo } from '../../machine/switch-os.ts';
import { openLinux } from '../../sys/linux.ts';
import { print, printJson } from '../output.ts';

export function joinCommand(): Command {
  return new Command('join')
    .description('announce this OS to its machine; to be run once at each of its starts')
    .option('--name <name>', 'the name of home (other OSes have the name they were booted by)', hostname())
    .option('--json', 'print JSON')
    .action(async (options: { name: string; json?: boolean }) => {
      const sys = openLinux();
      await withMachineLock(() => {
        const { switchboard, self } = joinMachine(sys, options.name);
        if (options.json === true)
          printJson({ slot: self.index, name: self.name, crashArmed: self.crashArmed });
        else
          print(
            `this is “${self.name}” in slot ${self.index}${self.crashArmed ? '' : '; a crash of it would not come back: there is no crashkernel= reservation'}`,
          );
        const message = takeMessage(switchboard, self.index);
        if (message?.kind === 'return') switchTo(sys, switchboard, message.to);
      });
    });
}
