import { Command } from 'commander';
import { planRemoval, removeSnapshots } from '../../../bank/remove.ts';
import { formatSize } from '../../../base/units.ts';
import { withBank } from '../../../machine/open-bank.ts';
import { addBankOptions, type BankOptions, bankPlaceOf } from '../../bank-options.ts';
import { print, printJson } from '../../output.ts';

interface Options extends BankOptions {
  dryRun?: boolean;
  json?: boolean;
}

export function rmCommand(): Command {
  return addBankOptions(
    new Command('rm')
      .description('remove snapshots; what others share stays')
      .argument('<snapshots...>', 'OS@TAG, or the first digits of an id')
      .option('--dry-run', 'say what it would give back, remove nothing'),
  )
    .option('--json', 'print JSON')
    .action(async (references: string[], options: Options) => {
      const dryRun = options.dryRun === true;
      const result = await withBank({ ...bankPlaceOf(options), write: !dryRun }, (bank) => {
        const plan = planRemoval(bank, references);
        return { plan, done: dryRun ? null : removeSnapshots(bank, plan) };
      });
      const removed = result.plan.snapshots.map(({ reference }) => reference);
      const bytes = result.done?.bytes ?? result.plan.bytes;
      if (options.json === true) printJson({ removed, bytes, dryRun });
      else if (dryRun) print(`would remove ${removed.join(', ')} and give back ${formatSize(bytes)}`);
      else print(`removed ${removed.join(', ')}; ${formatSize(bytes)} given back`);
    });
}
