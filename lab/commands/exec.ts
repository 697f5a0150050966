import { Command, InvalidArgumentError } from 'commander';
import { printJson } from '../../src/cli/output.ts';
import { withMachine } from './with-machine.ts';

interface Options {
  os?: string;
  stdin?: boolean;
  timeout?: number;
  json?: boolean;
}

export function execCommand(): Command {
  return new Command('exec')
    .description('run a command as root in the OS that runs now; its output and exit status become mine')
    .usage('[options] -- <command...>')
    .argument('<command...>', 'a program and its arguments; a single word with spaces in it goes to sh -c')
    .option('--os <name>', 'an error if another OS runs')
    .option('-i, --stdin', 'pass standard input on')
    .option('--timeout <seconds>', 'end the command after that time', parseSeconds, 600)
    .option('--json', 'print JSON')
    .passThroughOptions()
    .action(async (command: string[], options: Options) => {
      const argv = command.length === 1 && /\s/.test(command[0]!) ? ['sh', '-c', command[0]!] : command;
      const stop = new AbortController();
      process.once('SIGINT', () => stop.abort());
      await withMachine(async (machine) => {
        const { exit, stdout, stderr } = await machine.exec(argv, {
          timeoutMs: (options.timeout ?? 600) * 1000,
          signal: stop.signal,
          ...(options.os === undefined ? {} : { os: options.os }),
          ...(options.stdin === true ? { stdin: process.stdin } : {}),
          ...(options.json === true ? {} : { onOutput: passOn }),
        });
        if (options.json === true) printJson({ exit, stdout: String(stdout), stderr: String(stderr) });
        process.exitCode = exit;
      });
    });
}

function passOn(bytes: Buffer, stream: 1 | 2): void {
  (stream === 1 ? process.stdout : process.stderr).write(bytes);
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (seconds > 0 && seconds <= 86_400) return seconds;
  throw new InvalidArgumentError('give a number of seconds');
}
