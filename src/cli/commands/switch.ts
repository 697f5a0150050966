import { Command } from 'commander';
import { withMachineLock } from '../../machine/lock.ts';
import { isReference } from '../../machine/reference.ts';
import { planSwitch } from '../../machine/switch-os.ts';
import { openSwitchboard, usesParking } from '../../machine/this-os.ts';
import { switchTo } from '../../machine/travel.ts';
import { openLinux } from '../../sys/linux.ts';
import { addBankOptions, type BankOptions } from '../bank-options.ts';
import { print, printJson } from '../output.ts';
import { printArrival } from '../print-arrival.ts';
import { commandProgress } from '../progress.ts';

interface Options extends BankOptions {
  slot?: string;
  check?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

export function switchCommand(): Command {
  const command = new Command('switch')
    .description('park this OS and go on with another; returns when somebody comes back')
    .argument(
      '<os>',
      'a resident OS, without a memory plan a parked one; or OS@TAG, to bring it back to that snapshot first',
    )
    .option('--slot <number>', 'of OS@TAG: another slot than that of the snapshot')
    .option('--check', 'of OS@TAG: read everything back and compare it before the OS can run');
  return addBankOptions(command)
    .option('--dry-run', 'check everything, change nothing')
    .option('--json', 'print JSON')
    .action(async (name: string, options: Options) => {
      if (usesParking(openLinux())) {
        const { switchToParked } = await import('../parking-commands.ts');
        return await switchToParked(name, options);
      }
      return isReference(name)
        ? await restoreAndSwitch(name, options)
        : await switchToResident(name, options);
    });
}

async function switchToResident(name: string, options: Options): Promise<void> {
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
  const onProgress = commandProgress(options);
  const arrived = await withMachineLock(() => switchTo(sys, switchboard, target.index, { onProgress }));
  printArrival(arrived, options.json === true);
}

async function restoreAndSwitch(reference: string, options: Options): Promise<void> {
  // What restores is loaded only for this: a switch between resident OSes starts faster without.
  const { restoreAnywhere } = await import('../restore-anywhere.ts');
  const sys = openLinux();
  const switchboard = openSwitchboard(sys);
  const { ok, arrived } = await withMachineLock(() =>
    restoreAnywhere(sys, switchboard, { reference, go: true }, options),
  );
  if (arrived !== null && options.dryRun !== true) {
    printArrival(arrived, options.json === true);
    return;
  }
  const { printOutcome } = await import('../print-restore.ts');
  if (ok !== null) printOutcome(ok, options.json === true);
}
