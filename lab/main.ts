import { type Command, CommanderError } from 'commander';
import { EXIT_STATUS } from '../src/base/exit-status.ts';
import { reportFailure } from '../src/cli/fail.ts';
import { labCommand } from './commands/lab.ts';

/** Runs `torpor lab` with these arguments and returns its exit status. */
export async function runLab(argv: readonly string[]): Promise<number> {
  const command = labCommand();
  for (const each of [command, ...command.commands]) throwOnExit(each);
  // What follows `--` is not ours.
  const end = argv.indexOf('--');
  const json = argv.slice(0, end < 0 ? argv.length : end).includes('--json');
  try {
    await command.parseAsync(argv, { from: 'user' });
    return Number(process.exitCode ?? EXIT_STATUS.ok);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_STATUS.ok : EXIT_STATUS.usage;
    return reportFailure(error, json);
  }
}

/** Commander would end the process by itself. */
function throwOnExit(command: Command): void {
  command.exitOverride().showHelpAfterError('(`torpor lab --help` lists the commands)');
}

if (import.meta.main) {
  // `torpor lab status | head` is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? EXIT_STATUS.ok : EXIT_STATUS.internal);
  });
  process.exitCode = await runLab(process.argv.slice(2));
}
