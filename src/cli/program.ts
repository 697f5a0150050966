import { Command, CommanderError } from 'commander';
import { EXIT_STATUS } from '../base/exit-status.ts';
import { agentCommand } from './commands/agent.ts';
import { bootCommand } from './commands/boot.ts';
import { doctorCommand } from './commands/doctor.ts';
import { joinCommand } from './commands/join.ts';
import { isLabHere } from './commands/lab.ts';
import { osCommand } from './commands/os.ts';
import { planCommand } from './commands/plan.ts';
import { showCommand } from './commands/show.ts';
import { statusCommand } from './commands/status.ts';
import { stopCommand } from './commands/stop.ts';
import { switchCommand } from './commands/switch.ts';
import { reportFailure } from './fail.ts';
import { inheritExit, lazyCommand } from './lazy-command.ts';

const VERSION = '0.1.0';

/** Every command of `torpor`, in the order of the help. */
function program(): Command {
  const torpor = new Command('torpor')
    .description('Several whole Linux systems resident in one machine, switched in milliseconds.')
    .version(VERSION)
    .addCommand(statusCommand(), { isDefault: true })
    .addCommand(switchCommand())
    .addCommand(
      lazyCommand('park', 'without a memory plan: park this OS and turn the machine off', async () => {
        return (await import('./commands/park.ts')).parkCommand();
      }),
    )
    .addCommand(bootCommand())
    .addCommand(stopCommand())
    .addCommand(
      lazyCommand('snapshot', 'save an OS, memory and disks, as OS@TAG in the bank', async () => {
        return (await import('./commands/snapshot.ts')).snapshotCommand();
      }),
    )
    .addCommand(
      lazyCommand('restore', 'bring an OS back to a snapshot', async () => {
        return (await import('./commands/restore.ts')).restoreCommand();
      }),
    )
    .addCommand(showCommand())
    .addCommand(
      lazyCommand('inspect', 'look into a parked OS or a snapshot without starting it', async () => {
        return (await import('./commands/inspect.ts')).inspectCommand();
      }),
    )
    .addCommand(osCommand())
    .addCommand(
      lazyCommand('bank', 'snapshots of whole OSes: list, compare, verify, remove, export', async () => {
        return (await import('./commands/bank/bank.ts')).bankCommand();
      }),
    )
    .addCommand(
      lazyCommand('parking', 'without a memory plan: where OSes lie while another one runs', async () => {
        return (await import('./commands/parking.ts')).parkingCommand();
      }),
    )
    .addCommand(planCommand())
    .addCommand(doctorCommand())
    .addCommand(joinCommand())
    .addCommand(agentCommand())
    .exitOverride()
    .showHelpAfterError('(`torpor --help` lists the commands)');
  if (isLabHere())
    torpor.command('lab').description('a virtual machine to try all of this in; see `torpor lab --help`');
  return torpor;
}

/** Runs a command line and returns its exit status. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  try {
    const command = program();
    for (const sub of command.commands) inheritExit(sub);
    await command.parseAsync(argv, { from: 'user' });
    return Number(process.exitCode ?? EXIT_STATUS.ok);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_STATUS.ok : EXIT_STATUS.usage;
    return reportFailure(error, argv.includes('--json'));
  }
}
