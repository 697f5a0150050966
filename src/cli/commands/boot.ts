import { Command } from 'commander';
import { formatRange } from '../../base/ranges.ts';
import { formatSize, hex } from '../../base/units.ts';
import { type BootPlan, bootOs, planBoot } from '../../machine/boot-os.ts';
import { withMachineLock } from '../../machine/lock.ts';
import { Registry } from '../../machine/registry.ts';
import { openSwitchboard } from '../../machine/this-os.ts';
import { openLinux } from '../../sys/linux.ts';
import { print, printJson } from '../output.ts';
import { printArrival } from '../print-arrival.ts';
import { commandProgress } from '../progress.ts';

interface Options {
  back?: boolean;
  append?: string;
  dryRun?: boolean;
  json?: boolean;
}

export function bootCommand(): Command {
  return new Command('boot')
    .description('start a registered OS in a slot of its own and go there')
    .argument('<os>', 'an OS of `torpor os ls`')
    .option('--back', 'come back to this OS when the new one is up')
    .option('--append <arguments>', 'further kernel arguments for this start')
    .option('--dry-run', 'check everything, print the plan, change nothing')
    .option('--json', 'print JSON')
    .action(async (name: string, options: Options) => {
      const sys = openLinux();
      const switchboard = openSwitchboard(sys);
      // A bank is seldom asked for: what reads it is loaded here.
      const { readUnfinishedRestore } = await import('../../machine/open-bank.ts');
      const plan = planBoot(sys, switchboard, new Registry().get(name), {
        unfinished: readUnfinishedRestore(),
        back: options.back === true,
        ...(options.append === undefined ? {} : { extraArguments: options.append }),
      });
      if (options.dryRun === true) return printPlan(plan, options.json === true);
      const onProgress = commandProgress(options);
      const arrived = await withMachineLock(() => bootOs(sys, switchboard, plan, { onProgress }));
      printArrival(arrived, options.json === true);
    });
}

function printPlan(plan: BootPlan, json: boolean): void {
  const writes = plan.placed.writes.map((write) => ({
    destination: hex(write.destination),
    bytes: write.bytes.length,
  }));
  if (json) {
    const { os, commandLine, kernelVersion, returnTo } = plan;
    printJson({
      os,
      slot: plan.slot.index,
      kernelVersion,
      commandLine,
      entry: hex(plan.placed.entry),
      writes,
      returnTo,
    });
    return;
  }
  print(
    `would start “${plan.os.name}” (Linux ${plan.kernelVersion}) in slot ${plan.slot.index} ${formatRange(plan.slot.memory)}`,
  );
  for (const write of writes) print(`  ${formatSize(write.bytes)} at ${write.destination}`);
  print(`  entry ${hex(plan.placed.entry)}`);
  print(`  ${plan.commandLine}`);
}
