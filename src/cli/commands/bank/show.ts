import { Command } from 'commander';
import type { Bank } from '../../../bank/bank.ts';
import { type BlobUse, measureBlobUse } from '../../../bank/blob-use.ts';
import { type Region, regionKey } from '../../../bank/region.ts';
import type { Snapshot } from '../../../bank/snapshot.ts';
import { formatSize, hex, PAGE_BYTES } from '../../../base/units.ts';
import { withBank } from '../../../machine/open-bank.ts';
import { addBankOptions, type BankOptions, bankPlaceOf } from '../../bank-options.ts';
import { print, printJson } from '../../output.ts';
import { count, formatTime } from './format.ts';

interface Options extends BankOptions {
  json?: boolean;
}

interface Shown extends Snapshot {
  /** How often it was restored. */
  readonly generation: number;
  readonly parentReference: string | null;
  readonly use: BlobUse | null;
}

export function showCommand(): Command {
  return addBankOptions(
    new Command('show')
      .description('what a snapshot holds, and what a machine must be like to restore it')
      .argument('<snapshot>', 'OS@TAG, OS for its newest, or the first digits of its id'),
  )
    .option('--json', 'print JSON')
    .action(async (reference: string, options: Options) => {
      const shown = await withBank(bankPlaceOf(options), (bank) => gather(bank, reference));
      if (options.json === true) printJson(shown);
      else for (const line of render(shown)) print(line);
    });
}

function gather(bank: Bank, reference: string): Shown {
  const snapshot = bank.find(reference);
  const entries = bank.snapshots();
  return {
    ...snapshot,
    generation: bank.generation(snapshot),
    parentReference: entries.find(({ id }) => id === snapshot.parent)?.reference ?? null,
    use: measureBlobUse(bank, entries).get(snapshot.id) ?? null,
  };
}

function render(shown: Shown): string[] {
  const { description, use } = shown;
  const { machine, kernel, pages, pausedMs } = description;
  const { slot, cpu } = machine;
  const parent = shown.parent === null ? 'none' : (shown.parentReference ?? `${shown.parent} (removed)`);
  const lines: [string, string][] = [
    ['snapshot', shown.reference],
    ['id', shown.id],
    ['digest', shown.digest],
    ['saved', formatTime(shown.createdMs)],
    ...(pausedMs === null ? [] : [['paused', `${(pausedMs / 1000).toFixed(1)} s`] as [string, string]]),
    ...(shown.note === '' ? [] : [['note', shown.note] as [string, string]]),
    ['parent', parent],
    ['restored', count(shown.generation, 'time')],
    ['kernel', `Linux ${kernel.release}`],
    ['arguments', kernel.commandLine ?? 'not known'],
    ['slot', `${slot.index}, ${hex(slot.memory.start)}–${hex(slot.memory.end)}`],
    ['processor', `${cpu.model}, ${count(cpu.processors, 'processor')}${cpu.la57 ? ', 5-level paging' : ''}`],
    ['stored', `${sizeOf(pages.stored)} in ${count(description.packs.length, 'pack')}`],
    ['zeros', sizeOf(pages.zero)],
    ['free', sizeOf(pages.free)],
    ...(use === null ? [] : [['takes', takes(use)] as [string, string]]),
  ];
  const regions = (description.regions as Region[]).map((region): [string, string] => [
    regionKey(region),
    region.kind === 'memory' ? `${sizeOf(region.pages)} at ${hex(region.start)}` : sizeOf(region.pages),
  ]);
  const shared = description.disks.filter((disk) => disk.shared);
  const disks = shared.map(({ name, sizeBytes }): [string, string] => [
    `disk:${name}`,
    `${formatSize(sizeBytes)}, shared: not in the snapshot, and must be as it was`,
  ]);
  return [...lines, ...regions, ...disks].map(([name, value]) => `${name.padEnd(10)} ${value}`);
}

function takes({ ownBytes, sharedBytes }: BlobUse): string {
  return `${formatSize(ownBytes)} of its own, ${formatSize(sharedBytes)} shared with other snapshots`;
}

function sizeOf(pages: number): string {
  return formatSize(pages * PAGE_BYTES);
}
