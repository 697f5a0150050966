import { Command } from 'commander';
import { withMachineLock } from '../../machine/lock.ts';
import { planSwitch, switchTo } from '../../machine/switch-os.ts';
import { openSwitchboard } from '../../machine/this-os.ts';
import { openLinux } from '../../sys/linux.ts';
import { print, printJson } from '../output.ts';
import { renderSwitch } from '../render-switch.ts';

export function switchCommand(): Command {
  return new Command('switch')
    .description('park this OS and go on with another; returns when somebody comes back')
    .argument('<os>', 'a resident OS')
    .option('--dry-run', 'check everything, change nothing')
    .option('--json', 'print JSON')
    .action(async (name: string, options: { dryRun?: boolean; json?: boolean }) => {
      const sys = openLinux();
      const switchboard = openSwitchboard(sys);
      const target = planSwitch(switchboard, name);
      if (options.dryRun === true) {
        if (options.json === true) printJson({ target });
        else
          print(
            `would park “${switchboard.running().name}” and enter “${name}” in slot ${target.index} (${target.state})`,
          );
        return;
      }
      const report = await withMachineLock(() => switchTo(sys, switchboard, target.index));
      if (options.json === true) printJson(report);
      else print(renderSwitch(report));
    });
}
