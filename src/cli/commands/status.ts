import { Command } from 'commander';
import { TorporError } from '../../base/errors.ts';
import { formatSize } from '../../base/units.ts';
import { type MachineStatus, readStatus } from '../../machine/status.ts';
import { openSwitchboard } from '../../machine/this-os.ts';
import { openLinux } from '../../sys/linux.ts';
import { print, printJson, printTable } from '../output.ts';
import { renderSwitch } from '../render-switch.ts';

export function statusCommand(): Command {
  return (
    new Command('status')
      .description('who runs, who is parked, who is empty')
      .option('--json', 'print JSON')
      // It is the default command, so an unknown one comes here as an argument.
      .allowExcessArguments()
      .action((options: { json?: boolean }, command: Command) => {
        const [unknown] = command.args;
        if (unknown !== undefined) {
          throw new TorporError('E_USAGE', `“${unknown}” is no command`, {
            facts: { command: unknown },
            hint: '`torpor --help` lists the commands',
          });
        }
        const status = readStatus(openSwitchboard(openLinux()));
        if (options.json === true) printJson(status);
        else renderStatus(status);
      })
  );
}

function renderStatus(status: MachineStatus): void {
  const now = Date.now();
  printTable(
    ['SLOT', 'OS', 'STATE', 'SINCE', 'MEMORY', 'KERNEL', ''],
    status.slots.map((slot) => [
      slot.slot === 0 ? 'home' : String(slot.slot),
      slot.name || '–',
      slot.state,
      slot.since === null ? '–' : formatAge(now - Date.parse(slot.since)),
      slot.memoryBytes === null ? 'the rest' : formatSize(slot.memoryBytes),
      slot.kernelRelease || '–',
      slot.state === 'empty' || slot.crashArmed ? '' : 'a crash of it would not come back',
    ]),
    'no slots',
  );
  if (status.lastSwitch !== null) print(`\nlast switch: ${renderSwitch(status.lastSwitch)}`);
}

/** `3 min` */
function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}
