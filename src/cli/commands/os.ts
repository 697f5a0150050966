import { resolve } from 'node:path';
import { Command } from 'commander';
import { formatSize } from '../../base/units.ts';
import { makeDisk, type RegisteredOs, Registry } from '../../machine/registry.ts';
import { requireRoot, usesParking } from '../../machine/this-os.ts';
import { openLinux } from '../../sys/linux.ts';
import type { Sys } from '../../sys/sys.ts';
import { print, printJson, printTable } from '../output.ts';

interface AddOptions {
  kernel: string;
  initrd?: string;
  memory?: string;
  slot?: string;
  append?: string;
  disk: string[];
  sharedDisk: string[];
  replace?: boolean;
  json?: boolean;
}

export function osCommand(): Command {
  return new Command('os')
    .description('the OSes that this machine can boot into slots')
    .addCommand(add())
    .addCommand(ls())
    .addCommand(show())
    .addCommand(rm());
}

function add(): Command {
  return new Command('add')
    .description('register an OS')
    .argument('<name>')
    .requiredOption('--kernel <file>', 'a bzImage with CONFIG_KEXEC_JUMP=y')
    .option('--initrd <file>')
    .option('--memory <size>', 'what its slot must have at least, such as 1G')
    .option('--slot <number>', 'always this slot')
    .option(
      '--disk <id>',
      'a disk of its own, saved and restored with it: serial number, /dev path or PARTUUID=… (repeatable)',
      collect,
      [],
    )
    .option(
      '--shared-disk <id>',
      'a disk that it shares with others: not part of its snapshots (repeatable)',
      collect,
      [],
    )
    .option('--append <arguments>', 'its kernel arguments, such as root=/dev/sda2')
    .option('--replace', 'change an OS that is registered already')
    .option('--json', 'print JSON')
    .action((name: string, options: AddOptions) => {
      const os: RegisteredOs = {
        name,
        kernel: resolve(options.kernel),
        args: options.append ?? '',
        disks: [
          ...options.disk.map((id) => makeDisk(id, false)),
          ...options.sharedDisk.map((id) => makeDisk(id, true)),
        ],
        ...(options.initrd === undefined ? {} : { initrd: resolve(options.initrd) }),
        ...(options.memory === undefined ? {} : { memory: options.memory }),
        ...(options.slot === undefined ? {} : { slot: Number(options.slot) }),
      };
      new Registry().add(os, options.replace === true);
      if (options.json === true) return printJson(os);
      print(`“${name}” is registered; start it with \`torpor boot ${name}\``);
    });
}

function collect(value: string, all: string[]): string[] {
  return [...all, value];
}

function ls(): Command {
  return new Command('ls')
    .description('list them')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => {
      const sys = openLinux();
      if (usesParking(sys)) return await listParkedOses(sys, options.json === true);
      const all = new Registry().list();
      if (options.json === true) return printJson(all);
      const rows = all.map((os) => [
        os.name,
        os.memory ?? 'any',
        os.slot === undefined ? 'any' : String(os.slot),
        os.kernel,
      ]);
      printTable(
        ['OS', 'MEMORY', 'SLOT', 'KERNEL'],
        rows,
        'no OS is registered; add one with `torpor os add`',
      );
    });
}

/** Without a memory plan an OS is registered nowhere: it is the one that runs, or it is parked. */
async function listParkedOses(sys: Sys, json: boolean): Promise<void> {
  requireRoot(sys);
  const { readStockStatus } = await import('../../machine/parking/parking-status.ts');
  const { openLinuxImage } = await import('../../sys/linux/image-sys.ts');
  const { running, kernelRelease, parking } = readStockStatus(sys, openLinuxImage());
  const parked = parking.slots.filter(({ os }) => os !== '' && os !== running);
  const all = [
    { os: running, state: 'running', since: null, kernelRelease, imageBytes: null },
    ...parked.map(({ os, state, since, kernelRelease: release, imageBytes }) => {
      return { os, state, since, kernelRelease: release, imageBytes };
    }),
  ];
  if (json) return printJson(all);
  const rows = all.map(({ os, state, since, kernelRelease: release, imageBytes }) => [
    os,
    state,
    since ?? '–',
    imageBytes === null ? '–' : formatSize(imageBytes),
    release,
  ]);
  printTable(['OS', 'STATE', 'SINCE', 'IMAGE', 'KERNEL'], rows, '');
}

function show(): Command {
  return new Command('show')
    .description('everything that is registered of one')
    .argument('<name>')
    .option('--json', 'print JSON')
    .action((name: string, options: { json?: boolean }) => {
      const os = new Registry().get(name);
      if (options.json === true) return printJson(os);
      for (const [key, value] of Object.entries(os)) {
        if (key !== 'disks') print(`${key.padEnd(8)} ${value}`);
      }
      for (const disk of os.disks) print(`${'disk'.padEnd(8)} ${disk.id}${disk.shared ? ' (shared)' : ''}`);
    });
}

function rm(): Command {
  return new Command('rm')
    .description('forget one; its files and a resident instance stay')
    .argument('<name>')
    .option('--json', 'print JSON')
    .action((name: string, options: { json?: boolean }) => {
      new Registry().remove(name);
      if (options.json === true) return printJson({ removed: name });
      print(`“${name}” is no longer registered`);
    });
}
