import assert from 'node:assert/strict';
import test from 'node:test';
import { Command } from 'commander';
import { inheritExit, lazyCommand } from './lazy-command.ts';

interface Called {
  readonly loaded: number;
  readonly what: readonly unknown[] | null;
  readonly printed: string;
}

/** Runs a command line of a program with one lazy command. */
async function run(argv: readonly string[]): Promise<Called> {
  let loaded = 0;
  let what: readonly unknown[] | null = null;
  let printed = '';
  const write = (text: string): void => {
    printed += text;
  };
  const output = { writeOut: write, writeErr: write };
  const load = async (): Promise<Command> => {
    loaded += 1;
    const ls = new Command('ls')
      .argument('[name]')
      .option('--bank <dir>')
      .option('--json')
      .configureOutput(output)
      .action((name: string | undefined, options: object) => {
        what = [name, options];
      });
    return new Command('torpor bank').configureOutput(output).addCommand(ls);
  };
  const program = new Command('torpor')
    .version('1')
    .configureOutput(output)
    .addCommand(lazyCommand('bank', 'snapshots', load))
    .addCommand(new Command('other').action(() => {}));
  inheritExit(program);
  await program.parseAsync(argv, { from: 'user' }).catch((error: Error) => {
    printed += `[${error.message}]`;
  });
  return { loaded, what, printed };
}

test('the command is loaded when it is called, and only then', async () => {
  assert.equal((await run(['other'])).loaded, 0);
  assert.match((await run(['--help'])).printed, /bank +snapshots/);
  const called = await run(['bank', 'ls', '--bank', '/x', 'name', '--json']);
  assert.deepEqual([called.loaded, called.what], [1, ['name', { bank: '/x', json: true }]]);
});

test('its help and its mistakes are its own', async () => {
  for (const argv of [
    ['bank', '--help'],
    ['bank', 'ls', '--help'],
    ['bank', 'help', 'ls'],
  ]) {
    assert.match((await run(argv)).printed, /Usage: torpor bank/, argv.join(' '));
  }
  assert.match((await run(['bank', 'ls', '--nothing'])).printed, /unknown option '--nothing'/);
});
