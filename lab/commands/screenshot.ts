import { Command } from 'commander';
import { print } from '../../src/cli/output.ts';
import { withMachine } from './with-machine.ts';

export function screenshotCommand(): Command {
  return new Command('screenshot')
    .description('write what the screen of the machine shows')
    .argument('<file.png>', 'where to write it')
    .action(async (file: string) => {
      await withMachine((machine) => machine.screenshot(file));
      print(file);
    });
}
