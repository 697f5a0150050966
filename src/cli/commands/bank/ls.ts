import { Command } from 'commander';
import { type BlobUse, measureBlobUse } from '../../../bank/blob-use.ts';
import type { SnapshotEntry } from '../../../bank/snapshot.ts';
import { formatSize } from '../../../base/units.ts';
import { withBank } from '../../../machine/open-bank.ts';
import { addBankOptions, type BankOptions, bankPlaceOf } from '../../bank-options.ts';
import { printJson, printTable } from '../../output.ts';
import { formatTime, shortId } from './format.ts';

interface Options extends BankOptions {
  json?: boolean;
}

export function lsCommand(): Command {
  return addBankOptions(
    new Command('ls')
      .description('list the snapshots: OWN is what `rm` gives back, SHARED stays for others')
      .argument('[os]', 'only those of this OS'),
  )
    .option('--json', 'print JSON')
    .action(async (os: string | undefined, options: Options) => {
      const { entries, use } = await withBank(bankPlaceOf(options), (bank) => {
        const all = bank.snapshots();
        const wanted = all.filter((entry) => os === undefined || entry.os === os);
        return { entries: wanted, use: measureBlobUse(bank, all) };
      });
      if (options.json === true) {
        printJson(entries.map((entry) => ({ ...entry, use: use.get(entry.id) ?? null })));
        return;
      }
      printTable(
        ['SNAPSHOT', 'ID', 'SAVED', 'OWN', 'SHARED', 'NOTE'],
        entries.map((entry) => rowOf(entry, use.get(entry.id) ?? null)),
        'the bank holds no snapshot; save an OS with `torpor snapshot`',
      );
    });
}

function rowOf(entry: SnapshotEntry, use: BlobUse | null): string[] {
  const sizes = use === null ? ['damaged', '–'] : [formatSize(use.ownBytes), formatSize(use.sharedBytes)];
  return [entry.reference, shortId(entry.id), formatTime(entry.createdMs), ...sizes, firstLine(entry.note)];
}

function firstLine(note: string): string {
  return note.split('\n')[0]!;
}
