import { MIB } from '../../src/base/units.ts';
import { type DiskSpec, homeOf, type MachineSpec } from './machine-spec.ts';
import type { LabState } from './state.ts';

/** The network of QEMU's user networking; OS number n has the address 10.0.2.(15+n). */
export const GATEWAY = '10.0.2.2';

export function planAddress(osNumber: number): string {
  return `10.0.2.${15 + osNumber}`;
}

/** The whole command line of QEMU (without the program) for a machine. Pure. */
export function planQemuArguments(
  spec: MachineSpec,
  state: Pick<LabState, 'sockets' | 'consoleLog' | 'agentLog'>,
): string[] {
  const home = homeOf(spec);
  return [
    ['-name', 'torpor-lab'],
    ['-nodefaults', '-no-user-config'],
    ['-display', 'none'],
    ['-machine', spec.firmware === 'uefi' ? 'q35' : 'pc'],
    ...planAccelerator(spec.accel),
    ['-smp', String(spec.cpus)],
    ['-m', `${spec.memoryBytes / MIB}M`],
    ['-rtc', 'base=utc'],
    ...planFirmware(spec),
    ['-kernel', home.kernel],
    ...(home.initrd === null ? [] : [['-initrd', home.initrd]]),
    ['-append', home.kernelArguments.join(' ')],
    ...planSerialPort('console', state.sockets.console, state.consoleLog),
    ...planSerialPort('agent', state.sockets.agent, state.agentLog),
    ['-chardev', `socket,id=qmp,path=${quote(state.sockets.qmp)},server=on,wait=off`],
    ['-mon', 'chardev=qmp,mode=control'],
    // bochs-display: virtio-vga does not come back after a switch (docs/decisions/0006-virtio-gpu.md). Every switch
    // paints the screen anew and from 7.2 on waits for its next frame, so it is a small and fast one (rate in mHz).
    ['-device', 'bochs-display,xres=640,yres=400,refresh_rate=240000'],
    ...planNetwork(spec),
    ...planDisks(spec),
    ...(spec.firmware === 'uefi'
      ? [
          ['-device', 'qemu-xhci,id=usb'],
          ['-device', 'usb-kbd,bus=usb.0'],
        ]
      : []),
  ].flat();
}

/**
 * Two defects of QEMU 7.2's emulator are kept out: with a thread for each processor, a device access
 * can go to a wrong address while another processor maps or unmaps a device, which every switch does
 * (docs/decisions/0009-one-emulator-thread.md); and cmpxchg16b now and then corrupts RFLAGS. And kernels and
 * programs are not told that strings of bytes are copied fast (ERMS): the emulator makes a loop of them, which
 * takes twice as long over a copy as words.
 */
export function planAccelerator(accel: MachineSpec['accel']): string[][] {
  return accel === 'kvm'
    ? [
        ['-accel', 'kvm'],
        ['-cpu', 'host'],
      ]
    : [
        ['-accel', 'tcg,thread=single'],
        ['-cpu', 'max,-cx16,-erms'],
      ];
}

function planFirmware(spec: MachineSpec): string[][] {
  if (spec.uefi === null) return [];
  return [
    ['-drive', `if=pflash,unit=0,format=raw,readonly=on,file=${quote(spec.uefi.code)}`],
    ['-drive', `if=pflash,unit=1,format=raw,file=${quote(spec.uefi.vars)}`],
  ];
}

/** The log file holds everything that was ever said, also while nobody listens at the socket. */
function planSerialPort(id: string, socket: string, log: string): string[][] {
  return [
    [
      '-chardev',
      `socket,id=${id},path=${quote(socket)},server=on,wait=off,logfile=${quote(log)},logappend=on`,
    ],
    ['-serial', `chardev:${id}`],
  ];
}

function planNetwork(spec: MachineSpec): string[][] {
  const forwards = spec.oses.map((os) => `,hostfwd=tcp:127.0.0.1:${os.sshPort}-${os.address}:22`);
  const card = spec.firmware === 'uefi' ? 'e1000e' : 'virtio-net-pci';
  return [
    ['-netdev', `user,id=net${forwards.join('')}`],
    // No option ROM: the firmware never boots from the network.
    ['-device', `${card},netdev=net,romfile=`],
  ];
}

function planDisks(spec: MachineSpec): string[][] {
  return spec.disks.flatMap((disk, index) => [
    // writeback: a power cut loses only what the guest has not flushed.
    [
      '-drive',
      `if=none,id=disk${index},format=raw,cache=writeback,discard=unmap,readonly=${disk.readOnly ? 'on' : 'off'},file=${quote(disk.path)}`,
    ],
    ['-device', planDiskDevice(disk, index, spec)],
  ]);
}

function planDiskDevice(disk: DiskSpec, index: number, spec: MachineSpec): string {
  const common = `drive=disk${index},serial=${disk.serial}`;
  if (disk.bus === 'nvme') return `nvme,${common}`;
  if (disk.bus === 'virtio') return `virtio-blk-pci,${common}`;
  // q35 has one AHCI controller with the ports ide.0 to ide.5.
  const port = spec.disks.slice(0, index).filter((d) => d.bus === 'ahci').length;
  return `ide-hd,${common},bus=ide.${port}`;
}

/** QEMU's option syntax doubles a comma that belongs to a value. */
function quote(value: string): string {
  return value.replaceAll(',', ',,');
}
