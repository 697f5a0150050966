import { Command } from 'commander';
import { type BankStats, measureBank } from '../../../bank/stats.ts';
import { formatSize } from '../../../base/units.ts';
import { withBank } from '../../../machine/open-bank.ts';
import { addBankOptions, type BankOptions, bankPlaceOf } from '../../bank-options.ts';
import { print, printJson, printTable } from '../../output.ts';
import { commandProgress } from '../../progress.ts';

interface Options extends BankOptions {
  json?: boolean;
}

export function statsCommand(): Command {
  return addBankOptions(
    new Command('stats').description(
      'what the pages of the snapshots come to, and what storing them once saves',
    ),
  )
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      const stats = await withBank(bankPlaceOf(options), (bank) =>
        measureBank(bank, commandProgress(options)),
      );
      if (options.json === true) printJson(stats);
      else printStats(stats);
    });
}

function printStats(stats: BankStats): void {
  const size = formatSize;
  printTable(
    ['SNAPSHOT', 'RAW', 'FREE', 'ZERO', 'STORED', 'OWN', 'SHARED'],
    stats.snapshots.map((one) => [
      one.reference,
      size(one.rawBytes),
      size(one.freeBytes),
      size(one.zeroBytes),
      size(one.storedBytes),
      size(one.ownBytes),
      size(one.sharedBytes),
    ]),
    'the bank holds no snapshot',
  );
  for (const reference of stats.damaged) print(`${reference} is damaged and not counted`);
  print();
  print(
    `stored     ${size(stats.storedBytes)} in all snapshots, ${size(stats.distinctBytes)} of it different: ${stats.dedupRatio} : 1`,
  );
  print(`packs      ${stats.packs} with ${size(stats.packBytes)}, compressed ${stats.compressionRatio} : 1`);
  if (stats.deadBytes > 0)
    print(`dead       ${size(stats.deadBytes)} of pages that no snapshot needs; see \`torpor bank prune\``);
  print(
    `on disk    ${size(stats.blobBytes)} for ${size(stats.rawBytes)} of memory and disks: ${stats.totalRatio} : 1`,
  );
}
