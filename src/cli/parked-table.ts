import { formatSize } from '../base/units.ts';
import type { StockStatus } from '../machine/parking/parking-status.ts';
import { formatAge } from './format-age.ts';
import { print, printTable } from './output.ts';

/** The OSes of a machine on which one runs and the others are images. */
export function printStockStatus({ running, kernelRelease, parking }: StockStatus): void {
  print(`“${running}” (Linux ${kernelRelease}) has the whole machine`);
  const now = Date.now();
  const used = parking.slots.filter(({ state }) => state !== 'empty');
  print(`\n${parking.slots.length} slots of ${formatSize(parking.slotBytes)} on ${parking.device}`);
  printTable(
    ['SLOT', 'OS', 'STATE', 'SINCE', 'IMAGE', 'KERNEL', 'DISKS'],
    used.map((slot) => [
      String(slot.slot),
      slot.os || '–',
      slot.state,
      slot.since === null ? '–' : formatAge(now - Date.parse(slot.since)),
      slot.imageBytes === null ? '–' : formatSize(slot.imageBytes),
      slot.kernelRelease || '–',
      slot.disks.join(' ') || '–',
    ]),
    'all of them are empty',
  );
  for (const { os, slot, problems } of used)
    for (const problem of problems) print(`  ${os === '' ? `slot ${slot}` : `“${os}”`}: ${problem}`);
}
