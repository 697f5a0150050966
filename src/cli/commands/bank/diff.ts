import { Command } from 'commander';
import { diffSnapshots, type RegionDiff } from '../../../bank/diff.ts';
import type { PageRange } from '../../../bank/region.ts';
import { formatSize, hex, PAGE_BYTES } from '../../../base/units.ts';
import { withBank } from '../../../machine/open-bank.ts';
import { addBankOptions, type BankOptions, bankPlaceOf } from '../../bank-options.ts';
import { print, printJson, renderTable } from '../../output.ts';
import { commandProgress } from '../../progress.ts';

interface Options extends BankOptions {
  ranges?: boolean;
  maxRanges: string;
  json?: boolean;
}

export function diffCommand(): Command {
  return addBankOptions(
    new Command('diff')
      .description('which parts two snapshots differ in; reads no pages')
      .argument('<before>', 'OS@TAG, OS for its newest, or the first digits of its id')
      .argument('<after>')
      .option('--ranges', 'also list where')
      .option('--max-ranges <number>', 'so many for each region', '1000'),
  )
    .option('--json', 'print JSON')
    .action(async (before: string, after: string, options: Options) => {
      const diffs = await withBank(bankPlaceOf(options), (bank) =>
        diffSnapshots(bank, bank.find(before), bank.find(after), {
          maxRanges: Number(options.maxRanges),
          onProgress: commandProgress(options),
        }),
      );
      if (options.json === true) printJson(diffs);
      else printDiffs(diffs, options.ranges === true);
    });
}

function printDiffs(diffs: readonly RegionDiff[], withRanges: boolean): void {
  const rows = diffs.map((diff) => [diff.key, ...figures(diff), remark(diff)]);
  print(renderTable(['REGION', 'SAME', 'CHANGED', 'FILLED', 'EMPTIED', 'PLACES', ''], rows));
  if (!withRanges) return;
  for (const diff of diffs.filter(({ ranges }) => ranges.length > 0)) {
    print(`\n${diff.key}`);
    for (const range of diff.ranges) print(`  ${renderRange(diff, range)}`);
    const left = diff.rangeCount - diff.ranges.length;
    if (left > 0) print(`  and ${left} more (--max-ranges)`);
  }
}

function figures(diff: RegionDiff): string[] {
  const pages = [diff.samePages, diff.changedPages, diff.filledPages, diff.emptiedPages];
  return [...pages.map((number) => formatSize(number * PAGE_BYTES)), String(diff.rangeCount)];
}

function remark({ before, after }: RegionDiff): string {
  if (before === null) return 'only in the second';
  if (after === null) return 'only in the first';
  return before.pages === after.pages ? '' : `${formatSize(before.pages * PAGE_BYTES)} before`;
}

/** Addresses of memory, byte offsets of a disk. */
function renderRange(diff: RegionDiff, { start, end }: PageRange): string {
  const region = diff.after ?? diff.before;
  const base = region?.kind === 'memory' ? region.start : 0;
  const size = formatSize((end - start) * PAGE_BYTES);
  return `${hex(base + start * PAGE_BYTES)}–${hex(base + end * PAGE_BYTES)}  ${size}`;
}
