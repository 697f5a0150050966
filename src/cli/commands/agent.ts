import { Command } from 'commander';
import { Agent } from '../../agent/agent.ts';
import { openSerialPort } from '../../agent/serial-port.ts';
import { openSwitchboard } from '../../machine/this-os.ts';
import { openLinux } from '../../sys/linux.ts';

export function agentCommand(): Command {
  return new Command('agent')
    .description('serve a serial line: run programs and switch OSes for whoever is at its other end')
    .requiredOption('--port <device>', 'a serial device; whoever can write to it is root here')
    .action(async (options: { port: string }) => {
      const sys = openLinux();
      await new Agent(sys, openSwitchboard(sys), openSerialPort(options.port)).start();
      // The open port keeps the process alive.
      await new Promise(() => {});
    });
}
