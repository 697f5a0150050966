import { isLabHere, runLabCommand } from './commands/lab.ts';

/** Runs a command line and returns its exit status. */
async function main(argv: readonly string[]): Promise<number> {
  if (argv[0] === 'lab' && isLabHere()) return await runLabCommand(argv.slice(1));
  if (argv[0] === 'restore-pending') return (await import('./restore-pending.ts')).restoreAtBoot();
  return await (await import('./program.ts')).runProgram(argv);
}

// A terminal or connection that is gone must not end what another OS waits for (machine/travel.ts).
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
// Ends at once: a line to a lab machine may still wait for an answer that nobody needs any more.
process.exit(await main(process.argv.slice(2)));
