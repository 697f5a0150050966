import { GIB } from '../../../src/base/units.ts';
import { ensureStockDebian } from '../../lab/stock/debian-stock.ts';
import { must } from '../../lab/stock/moment.ts';
import { StockMachine } from '../../lab/stock/stock-machine.ts';
import { Witness } from '../../survival/witness.ts';
import { BUSY } from './round.ts';

export type Which = 0 | 1;

/** What the OSes are called; the first digit of a root disk's number. */
export const NAMES = ['debian12', 'debian13'] as const;

/** The same in both OSes: where it lies is in both initramfs. */
export const STAGING = '--staging-size 1G';
/** Modules for hardware that this machine has none of; without them a snapshot has half as much to look at. */
const LEAN = `cd /usr/lib/modules/*/kernel
rm -rf sound net/{wireless,bluetooth,mac80211,netfilter,ipv6} drivers/{gpu,media,infiniband,staging,scsi,usb,iio,hwmon,bluetooth,isdn,mmc,mtd,target,input,video,edac,thunderbolt}
find drivers/net -mindepth 1 -maxdepth 1 -exec rm -rf {} +
depmod
echo MODULES=dep >/etc/initramfs-tools/conf.d/dep`;

/** Disks of a machine with both OSes. */
export async function makePair(directory: string, say: (text: string) => void): Promise<StockMachine> {
  const report = ({ step }: { step: string }): void => say(step);
  const debians = [
    await ensureStockDebian('stock12-survival', report),
    await ensureStockDebian('stock13-survival', report),
  ];
  return await StockMachine.makeWith(debians, directory, 1 * GIB);
}

/** Starts an OS for its first time, has it know bank and parking area, and starts its witness. */
export async function prepareOs(
  machine: StockMachine,
  which: Which,
  say: (text: string) => void,
): Promise<Witness> {
  const name = NAMES[which];
  await machine.start([], which);
  say(`${name} is up`);
  await must(machine, `bash -c '${LEAN}'`);
  await must(
    machine,
    which === 0
      ? `torpor bank init && torpor parking init /dev/vdd --slots 2 --name ${name}`
      : `torpor parking use /dev/vdd --name ${name}`,
  );
  say(`${name} has a bank and a parking area`);
  const witness = await Witness.open(machine);
  await witness.prepare(witness.possible.filter((id) => !BUSY.includes(id)));
  return witness;
}
