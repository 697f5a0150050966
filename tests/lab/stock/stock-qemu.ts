import { PLAIN_INTEGER_CODE } from '../../../lab/machine/plan-machine.ts';
import { planAccelerator } from '../../../lab/machine/qemu-arguments.ts';

/** What each system has. */
const MEMORY_MIB = 1024;
/** For the firmware's tables, which are at the end of the memory. */
const FIRMWARE_MIB = 2;
/** A small buffer of translated code is emptied often (docs/decisions/0016-copying-by-words.md). */
const TRANSLATED_MIB = 128;

export interface StockQemu {
  readonly kernel: string;
  readonly initrd: string;
  /** Images of its disks, in the order of their names. */
  readonly disks: readonly string[];
  /** Which of them is the root. */
  readonly rootDisk: number;
  /** Reserved memory behind that of the system, /dev/pmem0; 0: none. */
  readonly ramBankMib: number;
  /** Sockets of the port that runs scripts and of the emulator's monitor. */
  readonly scripts: string;
  readonly qmp: string;
  /** For the kernel, behind all others. */
  readonly append: readonly string[];
}

/** Where a stock system sees its disks. */
export const diskPath = (index: number): string => `/dev/vd${String.fromCharCode(97 + index)}`;

/** The arguments of QEMU for one start of a machine with a stock system, which QEMU loads itself. */
export function planStockQemu(machine: StockQemu): string[] {
  const { kernel, initrd, disks, ramBankMib, scripts, qmp } = machine;
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...planAccelerator('tcg').flat().map(forStockKernel),
    ...['-smp', '2', '-m', `${MEMORY_MIB + ramBankMib + FIRMWARE_MIB}M`, '-serial', 'stdio'],
    ...['-serial', `unix:${scripts},server=on,wait=off`],
    ...['-qmp', `unix:${qmp},server=on,wait=off`],
    ...['-kernel', kernel, '-initrd', initrd],
    ...['-append', kernelArguments(machine).join(' ')],
    ...disks.flatMap((image) => ['-drive', `file=${image},format=raw,if=virtio,cache=unsafe`]),
  ];
}

function kernelArguments({ rootDisk, ramBankMib, append }: StockQemu): string[] {
  return [
    'console=ttyS0',
    // What Torpor says of a restore, and not what the kernel says of everything.
    'loglevel=6',
    `root=${diskPath(rootDisk)}`,
    'rw',
    'tsc=reliable',
    'no_timer_check',
    'i8042.noaux',
    'panic=-1',
    // Libraries at the same addresses in each process: their translations serve all of them.
    'norandmaps',
    // For its services and what they start.
    `systemd.setenv=${PLAIN_INTEGER_CODE}`,
    ...(ramBankMib > 0 ? [`memmap=${ramBankMib}M!${MEMORY_MIB}M`] : []),
    ...append,
  ];
}

/** With MONITOR a stock kernel waits in mwait, in which the emulator turns round and round; in hlt it sleeps. */
function forStockKernel(argument: string): string {
  if (argument.startsWith('max,')) return `${argument},-monitor`;
  return argument.startsWith('tcg,') ? `${argument},tb-size=${TRANSLATED_MIB}` : argument;
}
