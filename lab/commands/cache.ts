import { Command, InvalidArgumentError } from 'commander';
import { formatSize } from '../../src/base/units.ts';
import { print, printJson, printTable } from '../../src/cli/output.ts';
import { cacheRoot } from '../build/cache.ts';
import { type CacheEntry, listCache, removeEntry } from '../build/cache-entries.ts';

const DAY_MS = 24 * 60 * 60_000;

export function cacheCommand(): Command {
  return new Command('cache')
    .description('what was built and is kept for the next time: kernels, root filesystems, packages')
    .option(
      '--remove <days>',
      'remove what was not used for so many days; machines made with it have to be made anew',
      parseDays,
    )
    .option('--dry-run', 'only say what would be removed')
    .option('--json', 'print JSON')
    .action(async (options: { remove?: number; dryRun?: boolean; json?: boolean }) => {
      const root = cacheRoot();
      const entries = await listCache(root);
      if (options.remove === undefined) {
        if (options.json === true) printJson({ root, entries });
        else show(root, entries);
        return;
      }
      const oldestMs = Date.now() - options.remove * DAY_MS;
      const unused = entries.filter(({ usedMs }) => usedMs < oldestMs);
      if (options.dryRun !== true) for (const entry of unused) await removeEntry(root, entry);
      if (options.json === true) printJson({ root, removed: unused, dryRun: options.dryRun === true });
      else printRemoved(unused, options.dryRun === true);
    });
}

function show(root: string, entries: readonly CacheEntry[]): void {
  const rows = [...Map.groupBy(entries, ({ kind }) => kind)].map(([kind, of]) => [
    kind,
    String(of.length),
    formatSize(sumBytes(of)),
    `${daysUnused(of.at(-1)!)} to ${daysUnused(of[0]!)} days`,
  ]);
  printTable(['WHAT', 'ENTRIES', 'SIZE', 'UNUSED FOR'], rows, `${root} has nothing`);
  if (rows.length > 0) print(`\n${formatSize(sumBytes(entries))} in ${root}`);
}

function printRemoved(removed: readonly CacheEntry[], isDryRun: boolean): void {
  const size = formatSize(sumBytes(removed));
  print(`${isDryRun ? 'would remove' : 'removed'} ${removed.length} entries, ${size}`);
}

const sumBytes = (entries: readonly CacheEntry[]): number =>
  entries.reduce((sum, { bytes }) => sum + bytes, 0);

const daysUnused = ({ usedMs }: CacheEntry): number => Math.floor((Date.now() - usedMs) / DAY_MS);

function parseDays(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError('give a number of days');
}
