import { stringify } from 'smol-toml';
import { kernelSize } from '../../src/base/units.ts';
import { REGISTRY_DIRECTORY } from '../../src/machine/registry.ts';
import type { LabConfig, OsConfig } from '../config/lab-config.ts';
import type { Accelerator } from './accelerator.ts';
import type { DiskSpec, MachineSpec, OsSpec } from './machine-spec.ts';
import { GATEWAY, planAddress } from './qemu-arguments.ts';

/** The tool disk's serial number, which the initramfs looks for. */
export const TOOL_DISK = 'torpor-tool';
/** Where home has its bank. */
export const BANK_DIRECTORY = '/var/lib/torpor/bank';
/** The serial number of the disk that the initramfs mounts there. */
export const BANK_DISK = 'torpor-bank';
/** Where home keeps what it boots the other OSes from. */
const BOOT_DIRECTORY = '/boot/torpor';

/** The files on the host that an OS is made of. */
export interface OsFiles {
  readonly kernel: string;
  readonly initrd: string;
  /** The machine's own copy of its disk; null for an OS that lives in its initrd. */
  readonly disk: string | null;
}

export interface MachineParts {
  readonly accel: Accelerator;
  readonly uefi: MachineSpec['uefi'];
  readonly memoryBytes: number;
  /** The kernel arguments that make home keep the memory plan's ranges free. */
  readonly planArguments: readonly string[];
  readonly toolImage: string;
  /** The machine's own bank disk; null when it has none. */
  readonly bankDisk: string | null;
  readonly sshKey: string;
  /** Home first, as in the configuration. */
  readonly files: readonly OsFiles[];
  /** Host ports that lead to the OSes' SSH, home first. */
  readonly sshPorts: readonly number[];
}

/** The whole machine, from what was asked for and what was built. Pure. */
export function planMachine(config: LabConfig, parts: MachineParts): MachineSpec {
  const oses = [config.home, ...config.guests].map((os, number): OsSpec => {
    const { kernel, initrd, disk } = parts.files[number]!;
    return {
      name: os.name,
      number,
      kernel,
      initrd,
      memoryBytes: os.memoryBytes,
      kernelArguments: [
        ...(number === 0 ? planHomeArguments(parts) : []),
        ...planKernelArguments(os, number, disk !== null),
        ...(number === 0 ? parts.planArguments : []),
      ],
      address: planAddress(number),
      sshPort: parts.sshPorts[number]!,
    };
  });
  const own = oses.flatMap((os): DiskSpec[] => {
    const path = parts.files[os.number]!.disk;
    return path === null
      ? []
      : [{ os: os.name, serial: os.name, path, bus: chooseBus(config, os.number), readOnly: false }];
  });
  const toolBus = config.firmware === 'uefi' ? 'nvme' : 'virtio';
  const tool: DiskSpec = { os: null, serial: TOOL_DISK, path: parts.toolImage, bus: toolBus, readOnly: true };
  const bank: DiskSpec[] =
    parts.bankDisk === null
      ? []
      : [{ os: null, serial: BANK_DISK, path: parts.bankDisk, bus: toolBus, readOnly: false }];
  const { accel, uefi, memoryBytes, sshKey } = parts;
  return {
    version: 1,
    accel,
    firmware: config.firmware,
    uefi,
    cpus: config.cpus,
    memoryBytes,
    sshKey,
    disks: [...own, tool, ...bank],
    oses,
  };
}

/** A UEFI machine has both kinds of disks of today's computers: AHCI for home and every other guest, NVMe for the rest. */
function chooseBus(config: LabConfig, osNumber: number): DiskSpec['bus'] {
  if (config.firmware === 'bios') return 'virtio';
  return osNumber % 2 === 0 ? 'ahci' : 'nvme';
}

/**
 * OpenSSL's variable that hides processor features (OPENSSL_ia32cap(3)): SSSE3 and AVX of leaf 1, BMI1,
 * AVX2 and BMI2 of leaf 7. What the emulator calls a function for is slower than plain integer code:
 * SHA-256 without them is 1.6 to 2.5 times as fast.
 */
export const PLAIN_INTEGER_CODE = 'OPENSSL_ia32cap=~0x1000020000000000:~0x128';

/** Home keeps the disks of all: it reads and writes those of the OSes that it saves and restores. */
function planHomeArguments({ bankDisk, accel }: MachineParts): string[] {
  if (bankDisk === null) return [];
  // An argument that the kernel does not know becomes a variable of init's environment.
  return ['torpor.disks=*', `torpor.bank=${BANK_DISK}`, ...(accel === 'tcg' ? [PLAIN_INTEGER_CODE] : [])];
}

function planKernelArguments(os: OsConfig, number: number, hasDisk: boolean): string[] {
  return [
    // The last console is /dev/console; the first has the screen.
    'console=tty0',
    'console=ttyS0,115200',
    // PS/2 mouse resume costs 0.2 to 4.6 s per switch (docs/real-machine.md).
    'i8042.noaux',
    // The chip set's IDE controller has no disk: its driver would cost 10 ms of every switch.
    'initcall_blacklist=piix_init',
    // Kernel messages stay in the log; drawing and sending them takes longer than a switch.
    'quiet',
    // A busy host lets the emulated clocks drift apart, and the kernel would take the TSC for broken.
    'tsc=reliable',
    // An emulator that the host keeps waiting counts too few ticks for the kernel's check of the timer: it panics.
    'no_timer_check',
    // `torpor boot` gives guests theirs.
    ...(number === 0 ? ['crashkernel=16M', 'nmi_watchdog=0'] : []),
    ...(hasDisk ? [`torpor.root=${os.name}`] : []),
    `torpor.name=${os.name}`,
    `torpor.ip=${planAddress(number)}/24`,
    `torpor.gateway=${GATEWAY}`,
    ...(os.cpus === null ? [] : [`nr_cpus=${os.cpus}`]),
    ...os.args,
  ];
}

/** A file that home's disk gets: copied from the host, or with the given text. */
export type HomeFile = { readonly to: string; readonly mode: number } & (
  | { readonly from: string }
  | { readonly text: string }
);

/**
 * What home needs to boot the guests with `torpor boot`: their kernels, their initrds and their
 * entries in the registry. Guests that share a file share its copy.
 */
export function planHomeFiles(spec: MachineSpec): HomeFile[] {
  const places = new Map<string, string>();
  const place = (path: string, kind: string): string => {
    const known = places.get(path) ?? `${BOOT_DIRECTORY}/${kind}-${places.size + 1}`;
    places.set(path, known);
    return known;
  };
  const entries = spec.oses.slice(1).map((os): HomeFile => {
    const disks = spec.disks.filter((disk) => disk.os === os.name);
    const entry = {
      kernel: place(os.kernel, 'kernel'),
      ...(os.initrd === null ? {} : { initrd: place(os.initrd, 'initrd') }),
      memory: kernelSize(os.memoryBytes),
      slot: os.number,
      args: os.kernelArguments.join(' '),
      ...(disks.length === 0 ? {} : { disks: disks.map(({ serial }) => ({ id: serial })) }),
    };
    return { to: `${REGISTRY_DIRECTORY}/${os.name}.toml`, mode: 0o644, text: `${stringify(entry)}\n` };
  });
  return [...[...places].map(([from, to]): HomeFile => ({ from, to, mode: 0o644 })), ...entries];
}
