import { Command } from 'commander';
import { withMachineLock } from '../../machine/lock.ts';
import { hasPlan, openSwitchboard } from '../../machine/this-os.ts';
import { openLinux } from '../../sys/linux.ts';
import { addBankOptions } from '../bank-options.ts';
import type { ImageCommandOptions } from '../image-commands.ts';
import { printRestored, printWarnings } from '../print-arrival.ts';
import { printOutcome } from '../print-restore.ts';
import { addRestoreOptions, type RestoreOptions, restoreAnywhere } from '../restore-anywhere.ts';

export function restoreCommand(): Command {
  const command = new Command('torpor restore')
    .description('bring an OS back to a snapshot, in place of what is in its slot and on its disks')
    .argument('<snapshot>', 'OS@TAG, OS (its newest) or the first digits of an id');
  return addBankOptions(addRestoreOptions(command))
    .option('--dry-run', 'check everything, print the plan, change nothing')
    .option(
      '--at-boot',
      'without a memory plan: at the next start of the machine, before anything is mounted',
    )
    .option('--staging <disk>', 'without a memory plan: a partition to lay the image out on')
    .option('--staging-size <size>', 'its size where it is a file beside the bank, the default')
    .option('--json', 'print JSON')
    .action(async (reference: string, options: RestoreOptions & ImageCommandOptions) => {
      const sys = openLinux();
      if (!hasPlan(sys)) {
        const { refuseResidentOptions, restoreThisSystem } = await import('../image-commands.ts');
        refuseResidentOptions(options, ['slot', 'check']);
        return await restoreThisSystem(sys, reference, options);
      }
      const switchboard = openSwitchboard(sys);
      const { ok, arrived } = await withMachineLock(() =>
        restoreAnywhere(sys, switchboard, { reference, go: false }, options),
      );
      if (arrived !== null) printWarnings(arrived);
      if (ok === null) {
        if (arrived !== null) printRestored(arrived, options.json === true);
        return;
      }
      printOutcome(ok, options.json === true);
    });
}
