import { Command } from 'commander';
import { withMachineLock } from '../../machine/lock.ts';
import { planStop, stopOs } from '../../machine/stop-os.ts';
import { openSwitchboard } from '../../machine/this-os.ts';
import { openLinux } from '../../sys/linux.ts';
import { print, printJson } from '../output.ts';

interface Options {
  force?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

export function stopCommand(): Command {
  return new Command('stop')
    .description('shut an OS down in order and free its slot')
    .argument('<os>', 'a resident OS')
    .option('--force', 'drop a parked or crashed one where it lies: its disks are as after a power cut')
    .option('--dry-run', 'check everything, change nothing')
    .option('--json', 'print JSON')
    .action(async (name: string, options: Options) => {
      const sys = openLinux();
      const switchboard = openSwitchboard(sys);
      const plan = planStop(switchboard, name, options.force === true);
      const how = plan.force ? 'drop' : 'shut down';
      if (options.dryRun === true) {
        if (options.json === true) printJson({ how, slot: plan.target.index });
        else print(`would ${how} “${name}” and free slot ${plan.target.index}`);
        return;
      }
      await withMachineLock(() => stopOs(sys, switchboard, plan));
      if (options.json === true) printJson({ stopped: name, slot: plan.target.index });
      else print(`“${name}” has stopped; slot ${plan.target.index} is free`);
    });
}
