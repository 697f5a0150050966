import { Command } from 'commander';
import { TorporError } from '../../base/errors.ts';
import { formatSize } from '../../base/units.ts';
import type { StockStatus } from '../../machine/parking/parking-status.ts';
import { type BankView, type MachineStatus, readStatus } from '../../machine/status.ts';
import { openSwitchboard, requireRoot, usesParking } from '../../machine/this-os.ts';
import { openLinux } from '../../sys/linux.ts';
import type { Sys } from '../../sys/sys.ts';
import { formatAge } from '../format-age.ts';
import { print, printJson, printTable } from '../output.ts';
import { renderSwitch } from '../render-switch.ts';

export function statusCommand(): Command {
  return (
    new Command('status')
      .description('who runs, who is parked, who is empty')
      .option('--json', 'print JSON')
      // It is the default command, so an unknown one comes here as an argument.
      .allowExcessArguments()
      .action(async (options: { json?: boolean }, command: Command) => {
        const [unknown] = command.args;
        if (unknown !== undefined) {
          throw new TorporError('E_USAGE', `“${unknown}” is no command`, {
            facts: { command: unknown },
            hint: '`torpor --help` lists the commands',
          });
        }
        const sys = openLinux();
        if (usesParking(sys)) {
          requireRoot(sys);
          const { printStockStatus } = await import('../parked-table.ts');
          const stock = await readStock(sys);
          return options.json === true ? printJson(stock) : printStockStatus(stock);
        }
        const switchboard = openSwitchboard(sys);
        const isHome = switchboard.running().index === 0;
        const status = isHome ? readStatus(switchboard, await readBankView()) : readStatus(switchboard);
        if (options.json === true) printJson(status);
        else renderStatus(status);
      })
  );
}

function renderStatus(status: MachineStatus): void {
  const now = Date.now();
  printTable(
    ['SLOT', 'OS', 'STATE', 'SINCE', 'MEMORY', 'KERNEL', 'SNAPSHOT', ''],
    status.slots.map((slot) => [
      slot.slot === 0 ? 'home' : String(slot.slot),
      slot.name || '–',
      slot.state,
      slot.since === null ? '–' : formatAge(now - Date.parse(slot.since)),
      slot.memoryBytes === null ? 'the rest' : formatSize(slot.memoryBytes),
      slot.kernelRelease || '–',
      slot.snapshot === null ? '–' : (slot.snapshot.reference ?? slot.snapshot.id.slice(0, 12)),
      slot.state === 'empty' || slot.crashArmed ? '' : 'a crash of it would not come back',
    ]),
    'no slots',
  );
  const { unfinishedRestore } = status;
  if (unfinishedRestore !== null) {
    print(
      `\nthe restore of ${unfinishedRestore.reference} into slot ${unfinishedRestore.slot} was interrupted; repeat it: torpor restore ${unfinishedRestore.reference}`,
    );
  }
  if (status.lastSwitch !== null) print(`\nlast switch: ${renderSwitch(status.lastSwitch)}`);
}

/** On a machine without a memory plan the others are images in a parking area. */
async function readStock(sys: Sys): Promise<StockStatus> {
  const { readStockStatus } = await import('../../machine/parking/parking-status.ts');
  const { openLinuxImage } = await import('../../sys/linux/image-sys.ts');
  return readStockStatus(sys, openLinuxImage());
}

/** The bank is only looked at: a machine without one, or with a locked one, has a status too. */
async function readBankView(): Promise<BankView> {
  const { readUnfinishedRestore, withBank } = await import('../../machine/open-bank.ts');
  const unfinishedRestore = readUnfinishedRestore();
  try {
    const snapshots = await withBank({}, (bank) => bank.snapshots());
    return { references: new Map(snapshots.map(({ id, reference }) => [id, reference])), unfinishedRestore };
  } catch (error) {
    if (!(error instanceof TorporError)) throw error;
    return { references: new Map(), unfinishedRestore };
  }
}
