import { GIB } from '../../../src/base/units.ts';
import { ensureStockDebian } from '../../lab/stock/debian-stock.ts';
import { StockMachine } from '../../lab/stock/stock-machine.ts';
import { RAM } from '../../survival/guest-os.ts';
import type { Memory } from '../../survival/witness.ts';
import { Witness } from '../../survival/witness.ts';
import { BUSY } from './round.ts';

export type Which = 0 | 1;

/** What the OSes are called; the first digit of a root disk's number. */
export const NAMES = ['debian12', 'debian13'] as const;

const SCRIPT_MS = 30 * 60_000;
/** The same in both OSes: where it lies is in both initramfs. */
export const STAGING_SIZE = '1G';
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

/** Runs a script that must end well. Throws what it said. */
export async function must(machine: StockMachine, script: string, timeoutMs = SCRIPT_MS): Promise<string> {
  const { status, output } = await machine.run(script, timeoutMs);
  if (status === 0) return output;
  throw new Error(`a script ended with status ${status}: ${output}\n--\n${script}`);
}

/** Starts an OS for its first time, has it know bank and parking area, and starts its witness. */
export async function prepareOs(machine: StockMachine, which: Which): Promise<Witness> {
  const name = NAMES[which];
  await machine.start([], which);
  await must(machine, `bash -c '${LEAN}'`);
  await must(
    machine,
    which === 0
      ? `torpor bank init && torpor parking init /dev/vdd --slots 2 --name ${name}`
      : `torpor parking use /dev/vdd --name ${name}`,
  );
  const witness = await Witness.open(machine);
  await witness.prepare(witness.possible.filter((id) => !BUSY.includes(id)));
  await witness.verify();
  return witness;
}

/** Makes the initramfs with which this OS comes back at a start; what it is, for StockMachine.adoptInitrd. */
export async function installInitramfs(
  machine: StockMachine,
): Promise<{ readonly release: string; readonly sha256: string }> {
  await must(machine, 'sh /opt/torpor/boot/install');
  const release = await must(machine, 'uname -r');
  const [sha256 = ''] = (await must(machine, `sha256sum /boot/initrd.img-${release}`)).split(' ');
  return { release, sha256 };
}

/** A snapshot, and what was true of its OS. */
export interface Moment {
  readonly which: Which;
  readonly reference: string;
  /** The script that took it, which answers again whenever it comes back. */
  readonly script: string;
  readonly memory: Memory;
  readonly bootId: string;
  /** Far behind the moment: how far the OS had counted then. */
  laterTicks: number;
  restores: number;
}

/** Both say that what came after a moment is here. */
const LATER = '/var/lib/later /run/later';
export const FORGET_LATER = `rm -f ${LATER}`;
export const SAY_LATER = `for file in ${LATER}; do echo later >$file; done; sync; cut -d' ' -f2 ${RAM}/nonce`;

/** Looks whether the OS that runs is at that moment, before anything else is asked of it. Throws what is not so. */
export async function requireMoment(machine: StockMachine, moment: Moment): Promise<void> {
  const look = `cut -d' ' -f2 ${RAM}/nonce; cat /proc/sys/kernel/random/boot_id; cat ${LATER} 2>/dev/null || true`;
  const [ticks = '', bootId, ...later] = (await must(machine, look)).split('\n');
  const { reference } = moment;
  if (bootId !== moment.bootId) throw new Error(`${reference}: boot ${bootId}, not ${moment.bootId}`);
  if (later.length > 0) throw new Error(`${reference}: a file is there that was made after it`);
  if (Number(ticks) < moment.laterTicks) return;
  throw new Error(`${reference}: ${ticks} ticks, and it is from before ${moment.laterTicks}`);
}
