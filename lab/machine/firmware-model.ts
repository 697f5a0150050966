import { GIB, KIB, MIB, physAddr } from '../../src/base/units.ts';
import type { FirmwareMap, FirmwareRange, FirmwareType } from '../../src/memory/memory-plan.ts';
import type { Firmware } from '../config/lab-config.ts';

/**
 * What QEMU's firmware will leave usable of a machine's memory, before the machine exists. Narrower
 * than the truth: OVMF scatters its own ranges over the last 36 MiB below the PCI hole and over
 * [8 MiB, 9 MiB), SeaBIOS takes 140 KiB (seen on 7.2). Home checks the plan against the real map.
 */
export function modelFirmwareMap(firmware: Firmware, memoryBytes: number): FirmwareMap {
  const lowEnd = Math.min(memoryBytes, pciHoleStart(firmware, memoryBytes));
  const bootFloor = firmware === 'uefi' ? 9 * MIB : MIB;
  const topBytes = firmware === 'uefi' ? 64 * MIB : 256 * KIB;
  const ranges = [
    range(0, firmware === 'uefi' ? 640 * KIB : 639 * KIB, 'usable'),
    range(bootFloor, lowEnd - topBytes, 'usable'),
    range(lowEnd - topBytes, lowEnd, 'reserved'),
  ];
  if (memoryBytes > lowEnd) ranges.push(range(4 * GIB, 4 * GIB + memoryBytes - lowEnd, 'usable'));
  return ranges;
}

/** Where RAM below 4 GiB ends when there is more of it (QEMU 7.2, hw/i386/pc_piix.c, pc_q35.c). */
function pciHoleStart(firmware: Firmware, memoryBytes: number): number {
  if (firmware === 'uefi') return memoryBytes >= 0xb000_0000 ? 0x8000_0000 : 0xb000_0000;
  return memoryBytes >= 0xe000_0000 ? 0xc000_0000 : 0xe000_0000;
}

function range(start: number, end: number, type: FirmwareType): FirmwareRange {
  return { start: physAddr(start), end: physAddr(end), type };
}
