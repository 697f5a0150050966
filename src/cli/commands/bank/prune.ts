import { Command } from 'commander';
import { measureGarbage } from '../../../bank/blob-use.ts';
import { type Pruned, pruneBank } from '../../../bank/prune.ts';
import { planPrune } from '../../../bank/prune-plan.ts';
import { formatSize } from '../../../base/units.ts';
import { withBank } from '../../../machine/open-bank.ts';
import { addBankOptions, type BankOptions, bankPlaceOf } from '../../bank-options.ts';
import { print, printJson } from '../../output.ts';
import { commandProgress } from '../../progress.ts';
import { count } from './format.ts';

interface Options extends BankOptions {
  dryRun?: boolean;
  json?: boolean;
}

export function pruneCommand(): Command {
  return addBankOptions(
    new Command('prune')
      .description('give back what no snapshot needs, and write packs anew that are mostly such')
      .option('--dry-run', 'say what it would do, change nothing'),
  )
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      if (options.dryRun === true) await printPlan(options);
      else await prune(options);
    });
}

async function printPlan(options: Options): Promise<void> {
  const { plan, garbageBytes } = await withBank(bankPlaceOf(options), async (bank) => ({
    plan: await planPrune(bank, commandProgress(options)),
    garbageBytes: measureGarbage(bank),
  }));
  const { packs, newBytes, reclaimBytes, damaged } = plan;
  if (options.json === true) {
    const sparse = packs.map(({ digest, sizeBytes, pages, livePages }) => ({
      digest,
      sizeBytes,
      pages,
      livePages,
    }));
    printJson({ dryRun: true, packs: sparse, newBytes, reclaimBytes, garbageBytes, damaged });
    return;
  }
  print(`would remove ${formatSize(garbageBytes)} that nothing refers to`);
  print(
    `would write ${count(packs.length, 'pack')} anew: about ${formatSize(newBytes)}, ${formatSize(reclaimBytes)} less`,
  );
  printDamaged({ damaged, damagedPacks: [] });
}

async function prune(options: Options): Promise<void> {
  const place = { ...bankPlaceOf(options), write: true };
  const pruned = await withBank(place, (bank) => pruneBank(bank, commandProgress(options)));
  if (options.json === true) {
    printJson(pruned);
    return;
  }
  const { removedBytes, removedBlobs, writtenBytes, oldPacks, newPacks } = pruned;
  print(`${formatSize(removedBytes)} in ${count(removedBlobs, 'blob')} removed`);
  if (oldPacks > 0)
    print(`${count(oldPacks, 'pack')} became ${newPacks}: ${formatSize(writtenBytes)} written`);
  printDamaged(pruned);
}

function printDamaged({ damaged, damagedPacks }: Pick<Pruned, 'damaged' | 'damagedPacks'>): void {
  for (const reference of damaged) print(`${reference} is damaged: its packs stay as they are`);
  for (const digest of damagedPacks)
    print(`${digest} is damaged and stays as it is; see \`torpor bank verify\``);
}
