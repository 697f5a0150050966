import { resolve } from 'node:path';
import { Command } from 'commander';
import { formatSize } from '../../src/base/units.ts';
import { print, printJson, printTable } from '../../src/cli/output.ts';
import { collectEvidence } from '../machine/evidence.ts';
import { type LabStatus, readLabStatus } from '../machine/lab-status.ts';
import { type LabState, locateLab } from '../machine/state.ts';

export function statusCommand(): Command {
  return new Command('status')
    .description('what the lab machine is and which OS runs')
    .option('--evidence <directory>', 'also keep logs, registers and the screen there, as for a hang')
    .option('--json', 'print JSON')
    .action(async (options: { evidence?: string; json?: boolean }) => {
      const state = locateLab();
      if (options.evidence !== undefined) await collectEvidence(state, resolve(options.evidence));
      await showStatus(state, options.json === true);
    });
}

export async function showStatus(state: LabState, json: boolean): Promise<void> {
  const status = await readLabStatus(state);
  if (json) printJson(status);
  else printStatus(status);
}

function printStatus(status: LabStatus): void {
  const { machine } = status;
  if (machine === null) {
    print('there is no lab machine; `torpor lab up` makes one');
    return;
  }
  const processors = `${machine.cpus} CPU${machine.cpus === 1 ? '' : 's'}${machine.emulated ? ' (emulated)' : ''}`;
  print(`${machine.firmware} machine, ${processors}, ${formatSize(machine.memoryBytes)}, ${status.state}`);
  if (status.state === 'off') print('`torpor lab power-on` starts it with the disks that it has');
  if (status.state === 'silent') print(`no OS answers: ${status.problem}`);
  if (status.state === 'running') print(`for SSH: ssh -i ${machine.sshKey} -p PORT root@127.0.0.1`);
  print();
  const rows = status.oses.map((os) => [
    os.name,
    os.state ?? '-',
    os.slot === 0 ? 'home' : String(os.slot),
    formatSize(os.memoryBytes),
    os.kernelRelease ?? '-',
    `root@127.0.0.1 port ${os.sshPort}`,
  ]);
  printTable(['OS', 'STATE', 'SLOT', 'MEMORY', 'KERNEL', 'SSH'], rows, 'it has no OS');
}
