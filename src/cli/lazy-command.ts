import { Command } from 'commander';

/**
 * A command of which only name and description are known until it is called: its modules are
 * loaded then, so that the other commands start as fast as without it. `load` gives the command
 * itself, whose name is `torpor NAME` for its help.
 */
export function lazyCommand(name: string, description: string, load: () => Promise<Command>): Command {
  return (
    new Command(name)
      .description(description)
      // All of them are the loaded command's, also --help.
      .helpOption(false)
      .helpCommand(false)
      .allowUnknownOption()
      .allowExcessArguments()
      .action(async (_options: unknown, stub: Command) => {
        const command = await load();
        inheritExit(command);
        await command.parseAsync(stub.args, { from: 'user' });
      })
  );
}

/** Commander ends the process by itself unless each command is told to throw. */
export function inheritExit(command: Command): void {
  command.exitOverride();
  for (const sub of command.commands) inheritExit(sub);
}
