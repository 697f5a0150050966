import { Command } from 'commander';
import { print, printJson } from '../../src/cli/output.ts';
import { renderSwitch } from '../../src/cli/render-switch.ts';
import { withMachine } from './with-machine.ts';

export function switchCommand(): Command {
  return new Command('switch')
    .description('ask the running OS to switch, and wait until the other one answers')
    .argument('<os>', 'an OS of `torpor lab status`')
    .option('--json', 'print JSON')
    .action(async (os: string, options: { json?: boolean }) => {
      await withMachine(async (machine) => {
        const { report, hostMs } = await machine.switchTo(os);
        const emulated = machine.spec.accel === 'tcg';
        if (options.json === true) printJson({ ...report, os, hostMs, emulated });
        else if (report === null)
          print(`${os} runs after ${hostMs.toFixed(0)} ms; its report was lost on the line`);
        else print(`${renderSwitch(report)}${emulated ? ', emulated' : ''}`);
      });
    });
}
