import { Command } from 'commander';
import { type Imported, importSnapshot } from '../../../bank/import.ts';
import { formatSize } from '../../../base/units.ts';
import { withBank } from '../../../machine/open-bank.ts';
import { addBankOptions, type BankOptions, bankPlaceOf } from '../../bank-options.ts';
import { print, printJson } from '../../output.ts';
import { commandProgress } from '../../progress.ts';
import { readArchiveFile } from './archive-file.ts';
import { count } from './format.ts';

interface Options extends BankOptions {
  reference?: string;
  tag?: string;
  json?: boolean;
}

export function importCommand(): Command {
  return addBankOptions(
    new Command('import')
      .description('add the snapshot of an OCI archive; all of it is verified before')
      .argument('<file>', 'what `export` or `skopeo` wrote; - is standard input')
      .option('--reference <name>', 'which one, when the archive holds several')
      .option('--tag <name>', 'another tag than its own'),
  )
    .option('--json', 'print JSON')
    .action(async (file: string, options: Options) => {
      const onProgress = commandProgress(options);
      const imported = await withBank({ ...bankPlaceOf(options), write: true }, (bank) =>
        importSnapshot(bank, readArchiveFile(file, onProgress), { ...options, onProgress }),
      );
      if (options.json === true) printJson(imported);
      else print(render(imported));
    });
}

function render({ snapshot, known, newBlobs, newBytes, healedBlobs }: Imported): string {
  const healed = healedBlobs === 0 ? '' : `; ${count(healedBlobs, 'damaged blob')} of the bank replaced`;
  if (known) return `the bank has this snapshot already, as ${snapshot.reference}${healed}`;
  return `${snapshot.reference} is in the bank: ${formatSize(newBytes)} in ${count(newBlobs, 'new blob')}${healed}`;
}
