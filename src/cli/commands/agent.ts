import { hostname } from 'node:os';
import { Command } from 'commander';
import { Agent } from '../../agent/agent.ts';
import { openSerialPort } from '../../agent/serial-port.ts';
import { enterMachine } from '../../machine/enter-machine.ts';
import { withMachineLock } from '../../machine/lock.ts';
import { openLinux } from '../../sys/linux.ts';

export function agentCommand(): Command {
  return new Command('agent')
    .description('join the machine, then serve a serial line: run programs and switch OSes for its other end')
    .requiredOption('--port <device>', 'a serial device; whoever can write to it is root here')
    .option('--name <name>', 'the name of home (other OSes have the name they were booted by)', hostname())
    .action(async (options: { port: string; name: string }) => {
      const sys = openLinux();
      const port = openSerialPort(options.port);
      const switchboard = await withMachineLock(() => enterMachine(sys, options.name, () => {}));
      await new Agent(sys, switchboard, port).start();
      // The open port keeps the process alive.
      await new Promise(() => {});
    });
}
