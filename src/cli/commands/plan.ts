import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { TorporError } from '../../base/errors.ts';
import { type PhysRange, sizeOf } from '../../base/ranges.ts';
import { formatSize, hex, parseSize } from '../../base/units.ts';
import { readFirmwareMap } from '../../memory/firmware-map.ts';
import type { FirmwareMap } from '../../memory/memory-plan.ts';
import { otherMemmap } from '../../memory/other-memmap.ts';
import { parseFirmwareMap } from '../../memory/parse-firmware-map.ts';
import { parseSlots } from '../../memory/parse-slots.ts';
import {
  decodePlanArguments,
  encodeGrubArguments,
  encodePlanArguments,
} from '../../memory/plan-arguments.ts';
import { type PlannedMemory, planMemory } from '../../memory/plan-memory.ts';
import { MAX_RESERVATIONS } from '../../memory/plan-rules.ts';
import { reservations } from '../../memory/reservations.ts';
import { openLinux } from '../../sys/linux.ts';
import type { Sys } from '../../sys/sys.ts';
import { print, printJson, renderTable } from '../output.ts';

interface Options {
  slots: string;
  firmwareMap?: string;
  lowSlice?: string;
  below4g?: boolean;
  at?: string;
  json?: boolean;
}

export function planCommand(): Command {
  return new Command('plan')
    .description('divide the memory among systems: prints a plan and its kernel arguments, changes nothing')
    .requiredOption('--slots <sizes>', 'memory of each OS beside the present one, such as 2x4G,512M')
    .option('--firmware-map <file>', 'plan for another machine: its dmesg output, or a map as JSON')
    .option('--low-slice <size>', 'memory below 640 KiB for each slot (48K or more)', '64K')
    .option('--below-4g', 'accept nothing above 4 GiB, for devices with 32-bit DMA')
    .option('--at <address>', 'where the first slot starts, such as 0x20000000')
    .option('--json', 'print JSON')
    .action((options: Options) => {
      const sys = options.firmwareMap === undefined ? openLinux() : null;
      const firmware = sys === null ? readMapFile(options.firmwareMap!) : readOwnMap(sys);
      const planned = planMemory(firmware, {
        slots: parseSlots(options.slots),
        lowSliceBytes: parseSize(options.lowSlice ?? '64K'),
        below4G: options.below4g === true,
        ...(options.at === undefined ? {} : { at: parseAddress(options.at) }),
      });
      const warnings = [...planned.warnings, ...(sys === null ? [] : memmapWarnings(sys, planned))];
      if (options.json === true) printPlanJson(planned, firmware, warnings);
      else printPlan(planned, warnings);
    });
}

function readOwnMap(sys: Sys): FirmwareMap {
  if (/(^|\s)torpor\.slot=/.test(sys.readTextFile('/proc/cmdline') ?? '')) {
    throw new TorporError(
      'E_OS_STATE',
      'this OS was started by Torpor and sees only its own part of the memory',
      {
        hint: 'run `torpor plan` in home, the OS that the firmware boots, or give --firmware-map',
      },
    );
  }
  return readFirmwareMap(sys);
}

function readMapFile(path: string): FirmwareMap {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    throw new TorporError('E_FILE', `cannot read ${path}: ${errno}`, {
      facts: { path, errno },
      hint: 'give the output of `dmesg` as a file',
      cause,
    });
  }
  return parseFirmwareMap(text);
}

function parseAddress(text: string): number {
  const value = /^(0x[0-9a-f]{1,12}|\d{1,15})$/i.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value)) {
    throw new TorporError('E_USAGE', `“${text}” is not an address`, {
      facts: { text },
      hint: 'such as `--at 0x20000000`',
    });
  }
  return value;
}

/** The running kernel's own memmap= arguments count against the same limit. */
function memmapWarnings(sys: Sys, { plan }: PlannedMemory): string[] {
  const commandLine = sys.readTextFile('/proc/cmdline') ?? '';
  const others = otherMemmap(commandLine, decodePlanArguments(commandLine));
  const count = others.length + reservations(plan).length;
  if (count <= MAX_RESERVATIONS) return [];
  return [
    `with ${others.join(' ')} the command line has ${count} memmap= regions; a kernel honours ${MAX_RESERVATIONS} when it chooses its address: add nokaslr or remove the old ones`,
  ];
}

function printPlan({ plan, homeBytes }: PlannedMemory, warnings: readonly string[]): void {
  const row = (name: string, range: PhysRange, low?: PhysRange): string[] => [
    name,
    formatSize(sizeOf(range)),
    `${hex(range.start)}-${hex(range.end)}`,
    low === undefined ? '' : `${hex(low.start)}-${hex(low.end)}`,
  ];
  const table = renderTable(
    ['owner', 'memory', 'from-to', 'below 640 KiB'],
    [
      ['home (keeps)', formatSize(homeBytes), 'the rest', 'the rest'],
      row('switchboard', plan.switchboard),
      ...plan.slots.map((slot) => row(`slot ${slot.index}`, slot.memory, slot.low)),
    ],
  );
  print(table);
  for (const warning of warnings) print(`\nnote: ${warning}`);
  print('\nKernel arguments:\n');
  print(encodePlanArguments(plan).join(' '));
  print('\nFor GRUB, as the last line of /etc/default/grub, with every backslash:\n');
  print(`GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX ${encodeGrubArguments(plan)}"`);
  print('\nNext: add them, run `update-grub` (Debian, Ubuntu) or what your system has for it, and restart;');
  print('then `torpor join` checks that the kernel really keeps out of these ranges.');
}

function printPlanJson(
  { plan, homeBytes }: PlannedMemory,
  firmware: FirmwareMap,
  warnings: readonly string[],
): void {
  printJson({
    plan,
    homeBytes,
    warnings,
    kernelArguments: encodePlanArguments(plan),
    grubArguments: encodeGrubArguments(plan),
    firmware,
  });
}
