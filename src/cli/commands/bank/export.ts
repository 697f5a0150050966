import { Command } from 'commander';
import { exportSnapshot, planExport } from '../../../bank/export.ts';
import { findEntry } from '../../../bank/snapshot-entries.ts';
import { formatSize } from '../../../base/units.ts';
import { withBank } from '../../../machine/open-bank.ts';
import { addBankOptions, type BankOptions, bankPlaceOf } from '../../bank-options.ts';
import { print, printJson } from '../../output.ts';
import { commandProgress } from '../../progress.ts';
import { writeArchive } from './archive-file.ts';

interface Options extends BankOptions {
  replace?: boolean;
  json?: boolean;
}

export function exportCommand(): Command {
  return addBankOptions(
    new Command('export')
      .description('write one snapshot as an OCI archive, as `skopeo` knows it (oci-archive:)')
      .argument('<snapshot>', 'OS@TAG, OS for its newest, or the first digits of its id')
      .argument('<file>', 'what to write; - is standard output')
      .option('--replace', 'replace the file when it is there'),
  )
    .option('--json', 'print JSON')
    .action(async (reference: string, file: string, options: Options) => {
      const { plan, bytes } = await withBank(bankPlaceOf(options), async (bank) => {
        const planned = planExport(bank, findEntry(bank.snapshots(), reference));
        const chunks = exportSnapshot(bank, planned, commandProgress(options));
        return { plan: planned, bytes: await writeArchive(file, chunks, options.replace === true) };
      });
      // Standard output is the archive's.
      if (file === '-') return;
      if (options.json === true) printJson({ snapshot: plan.snapshot, file, bytes });
      else print(`${plan.snapshot.reference} is in ${file} (${formatSize(bytes)})`);
    });
}
