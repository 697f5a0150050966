import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'smol-toml';
import { decodeEntry } from '../../src/machine/registry.ts';
import { DEFAULT_CONFIG } from '../config/default-config.ts';
import { type LabConfig, parseLabConfig } from '../config/lab-config.ts';
import { machineSpecSchema } from './machine-spec.ts';
import { type MachineParts, planHomeFiles, planMachine } from './plan-machine.ts';
import { planQemuArguments } from './qemu-arguments.ts';

const STATE = {
  sockets: { qmp: '/s/qmp.sock', console: '/s/console.sock', agent: '/s/agent.sock' },
  consoleLog: '/s/a,b/console.log',
  agentLog: '/s/agent.log',
};

function partsOf(config: LabConfig): MachineParts {
  const oses = [config.home, ...config.guests];
  return {
    accel: 'tcg',
    uefi: config.firmware === 'uefi' ? { code: '/ovmf/code', vars: '/s/vars' } : null,
    memoryBytes: 1859 * 2 ** 20,
    planArguments: ['memmap=1281M$0x1ff00000', 'torpor.switchboard=0x1ff00000'],
    toolImage: '/c/tools',
    bankDisk: config.bankBytes === null ? null : '/s/disks/bank.img',
    sshKey: '/c/key',
    files: oses.map((os) => ({ kernel: '/c/bzImage', initrd: '/c/initrd', disk: `/s/disks/${os.name}.img` })),
    sshPorts: oses.map((_, number) => 2200 + number),
  };
}

function argumentsFor(firmware: 'bios' | 'uefi'): string {
  const config = { ...parseLabConfig(DEFAULT_CONFIG), firmware };
  return planQemuArguments(planMachine(config, partsOf(config)), STATE)
    .join('\n')
    .replaceAll(/\n(?!-)/g, ' ');
}

test('planQemuArguments() of the default machine on BIOS', () => {
  const drive = 'cache=writeback,discard=unmap,readonly';
  assert.equal(
    argumentsFor('bios'),
    `-name torpor-lab
-nodefaults
-no-user-config
-display none
-machine pc
-accel tcg,thread=single
-cpu max,-cx16,-erms
-smp 2
-m 1859M
-rtc base=utc
-kernel /c/bzImage
-initrd /c/initrd
-append torpor.disks=* torpor.bank=torpor-bank OPENSSL_ia32cap=~0x1000020000000000:~0x128 console=tty0 console=ttyS0,115200 i8042.noaux initcall_blacklist=piix_init quiet tsc=reliable no_timer_check crashkernel=16M nmi_watchdog=0 torpor.root=monitor torpor.name=monitor torpor.ip=10.0.2.15/24 torpor.gateway=10.0.2.2 memmap=1281M$0x1ff00000 torpor.switchboard=0x1ff00000
-chardev socket,id=console,path=/s/console.sock,server=on,wait=off,logfile=/s/a,,b/console.log,logappend=on
-serial chardev:console
-chardev socket,id=agent,path=/s/agent.sock,server=on,wait=off,logfile=/s/agent.log,logappend=on
-serial chardev:agent
-chardev socket,id=qmp,path=/s/qmp.sock,server=on,wait=off
-mon chardev=qmp,mode=control
-device bochs-display,xres=640,yres=400,refresh_rate=240000
-netdev user,id=net,hostfwd=tcp:127.0.0.1:2200-10.0.2.15:22,hostfwd=tcp:127.0.0.1:2201-10.0.2.16:22,hostfwd=tcp:127.0.0.1:2202-10.0.2.17:22,hostfwd=tcp:127.0.0.1:2203-10.0.2.18:22
-device virtio-net-pci,netdev=net,romfile=
-drive if=none,id=disk0,format=raw,${drive}=off,file=/s/disks/monitor.img
-device virtio-blk-pci,drive=disk0,serial=monitor
-drive if=none,id=disk1,format=raw,${drive}=off,file=/s/disks/tiny.img
-device virtio-blk-pci,drive=disk1,serial=tiny
-drive if=none,id=disk2,format=raw,${drive}=off,file=/s/disks/debian12.img
-device virtio-blk-pci,drive=disk2,serial=debian12
-drive if=none,id=disk3,format=raw,${drive}=off,file=/s/disks/debian13.img
-device virtio-blk-pci,drive=disk3,serial=debian13
-drive if=none,id=disk4,format=raw,${drive}=on,file=/c/tools
-device virtio-blk-pci,drive=disk4,serial=torpor-tool
-drive if=none,id=disk5,format=raw,${drive}=off,file=/s/disks/bank.img
-device virtio-blk-pci,drive=disk5,serial=torpor-bank`,
  );
});

test('planQemuArguments() on UEFI has its firmware, NVMe and AHCI disks, e1000e and a USB keyboard', () => {
  const text = argumentsFor('uefi');
  for (const line of [
    '-machine q35',
    '-drive if=pflash,unit=0,format=raw,readonly=on,file=/ovmf/code',
    '-drive if=pflash,unit=1,format=raw,file=/s/vars',
    '-device e1000e,netdev=net,romfile=',
    '-device ide-hd,drive=disk0,serial=monitor,bus=ide.0',
    '-device nvme,drive=disk1,serial=tiny',
    '-device ide-hd,drive=disk2,serial=debian12,bus=ide.1',
    '-device nvme,drive=disk4,serial=torpor-tool',
    '-device nvme,drive=disk5,serial=torpor-bank',
    '-device usb-kbd,bus=usb.0',
  ]) {
    assert.ok(text.split('\n').includes(line), line);
  }
});

test('a planned machine survives its file', () => {
  const config = parseLabConfig(DEFAULT_CONFIG);
  const spec = planMachine(config, partsOf(config));
  assert.deepEqual(machineSpecSchema.parse(JSON.parse(JSON.stringify(spec))), spec);
});

test('planHomeFiles() gives home one copy of each file and a registry entry that Torpor reads', () => {
  const config = parseLabConfig(DEFAULT_CONFIG);
  const files = planHomeFiles(planMachine(config, partsOf(config)));
  const copies = files.flatMap((file) => ('from' in file ? [[file.from, file.to]] : []));
  assert.deepEqual(copies, [
    ['/c/bzImage', '/boot/torpor/kernel-1'],
    ['/c/initrd', '/boot/torpor/initrd-2'],
  ]);
  const entries = files.flatMap((file) => ('text' in file ? [[file.to, file.text] as const] : []));
  assert.equal(entries.length, 3);
  const [path, text] = entries[1]!;
  assert.equal(path, '/etc/torpor/os.d/debian12.toml');
  assert.equal(parse(text).slot, 2);
  const os = decodeEntry('debian12', text, path);
  assert.equal(os.memory, '512M');
  assert.deepEqual(os.disks, [{ id: 'debian12', name: 'debian12', shared: false }]);
  assert.match(os.args, /torpor\.root=debian12 torpor\.name=debian12 torpor\.ip=10\.0\.2\.17\/24/);
});
