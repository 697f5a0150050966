import { connect } from 'node:net';
import { Command } from 'commander';
import { TorporError } from '../../src/base/errors.ts';
import { requireQemu } from '../machine/qemu-process.ts';
import { tailFile } from '../machine/serial-log.ts';
import { locateLab, readMachineSpec } from '../machine/state.ts';

/** Ctrl-] */
const LEAVE = 0x1d;
const SHOWN_LINES = 20;

export function consoleCommand(): Command {
  return new Command('console')
    .description('attach this terminal to the serial console of the running OS; Ctrl-] leaves')
    .action(async () => {
      const state = locateLab();
      readMachineSpec(state);
      requireQemu(state);
      for (const line of tailFile(state.consoleLog, SHOWN_LINES)) process.stdout.write(`${line}\n`);
      process.stderr.write('— the console of the lab machine; Ctrl-] leaves —\n');
      await attach(state.sockets.console);
    });
}

/** Copies bytes both ways until Ctrl-], the end of standard input, or the end of the machine. */
function attach(path: string): Promise<void> {
  const { stdin, stdout } = process;
  const socket = connect(path);
  const isTerminal = stdin.isTTY === true;
  return new Promise<void>((resolve, reject) => {
    socket.once('error', (cause) => {
      const message = `the console cannot be opened: ${cause.message}`;
      reject(
        new TorporError('E_LAB_MACHINE', message, {
          facts: { path },
          hint: 'see `torpor lab status`',
          cause,
        }),
      );
    });
    socket.once('close', () => resolve());
    socket.pipe(stdout, { end: false });
    if (isTerminal) stdin.setRawMode(true);
    stdin.on('data', (bytes: Buffer) => {
      const leave = isTerminal ? bytes.indexOf(LEAVE) : -1;
      socket.write(leave < 0 ? bytes : bytes.subarray(0, leave));
      if (leave >= 0) socket.end(() => socket.destroy());
    });
    // What was piped in gets a moment for its echo and its answer.
    stdin.once('end', () => setTimeout(() => socket.destroy(), 1_000));
  }).finally(() => {
    if (isTerminal) stdin.setRawMode(false);
    stdin.pause();
    socket.destroy();
    process.stderr.write('\n');
  });
}
