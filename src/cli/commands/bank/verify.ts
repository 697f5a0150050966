import { Command } from 'commander';
import type { Bank } from '../../../bank/bank.ts';
import type { SnapshotEntry } from '../../../bank/snapshot.ts';
import { findEntry } from '../../../bank/snapshot-entries.ts';
import { verifySnapshot } from '../../../bank/verify.ts';
import { verifySample } from '../../../bank/verify-sample.ts';
import { TorporError } from '../../../base/errors.ts';
import { EXIT_STATUS } from '../../../base/exit-status.ts';
import type { OnProgress } from '../../../base/progress.ts';
import { withBank } from '../../../machine/open-bank.ts';
import { addBankOptions, type BankOptions, bankPlaceOf } from '../../bank-options.ts';
import { print, printJson } from '../../output.ts';
import { commandProgress } from '../../progress.ts';
import { count } from './format.ts';

interface Options extends BankOptions {
  sample?: string;
  json?: boolean;
}

/** What was found of one snapshot. */
interface Verdict {
  readonly reference: string;
  readonly id: string;
  readonly whole: boolean;
  /** How much was looked at, or what is wrong. */
  readonly text: string;
  readonly error: object | null;
}

export function verifyCommand(): Command {
  return addBankOptions(
    new Command('verify')
      .description('compare what is stored with its digests: all of it, or a sample')
      .argument('[snapshots...]', 'OS@TAG, OS for its newest, or the first digits of an id; default: all')
      .option('--sample <percent>', 'only so much of the pages of each, chosen at random'),
  )
    .option('--json', 'print JSON')
    .action(async (references: string[], options: Options) => {
      const verdicts = await withBank(bankPlaceOf(options), (bank) => verifyAll(bank, references, options));
      if (options.json === true) printJson(verdicts);
      else if (verdicts.length === 0) print('the bank holds no snapshot');
      else
        for (const { whole, reference, text } of verdicts)
          print(`${whole ? 'whole  ' : 'DAMAGED'}  ${reference}  ${text}`);
      if (verdicts.some(({ whole }) => !whole)) process.exitCode = EXIT_STATUS.damaged;
    });
}

/** One that is damaged does not keep the others from being looked at. */
async function verifyAll(bank: Bank, references: readonly string[], options: Options): Promise<Verdict[]> {
  const all = bank.snapshots();
  const entries = references.length === 0 ? all : references.map((reference) => findEntry(all, reference));
  const verdicts: Verdict[] = [];
  const done = new Set<string>();
  const onProgress = commandProgress(options);
  for (const entry of entries) {
    const { reference, id } = entry;
    try {
      const text = await verifyOne(bank, entry, options.sample, done, onProgress);
      verdicts.push({ reference, id, whole: true, text, error: null });
    } catch (error) {
      if (!(error instanceof TorporError && error.code === 'E_BANK_DAMAGED')) throw error;
      const text = `${error.facts.blob}: ${error.facts.what}`;
      verdicts.push({ reference, id, whole: false, text, error: error.toJSON() });
    }
  }
  return verdicts;
}

async function verifyOne(
  bank: Bank,
  entry: SnapshotEntry,
  sample: string | undefined,
  done: Set<string>,
  onProgress: OnProgress,
): Promise<string> {
  const snapshot = bank.load(entry);
  if (sample === undefined) {
    await verifySnapshot(bank, snapshot, { depth: 'pages', done, onProgress });
    return `${count(snapshot.description.packs.length, 'pack')}, every page`;
  }
  const percent = Number(sample.replace(/%$/, ''));
  const { pages, allPages } = await verifySample(bank, snapshot, percent, { onProgress });
  return `a sample of ${count(pages, 'page')} out of ${allPages.toLocaleString('en')}`;
}
