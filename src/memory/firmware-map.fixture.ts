import { physAddr } from '../base/units.ts';
import type { FirmwareMap, FirmwareType } from './memory-plan.ts';

/** Firmware maps of real kinds of machines, for tests. Ends are inclusive, as in dmesg. */
const map = (rows: readonly (readonly [start: number, last: number, type: FirmwareType])[]): FirmwareMap =>
  rows.map(([start, last, type]) => ({ start: physAddr(start), end: physAddr(last + 1), type }));

/** QEMU pc, SeaBIOS, 2 GiB. */
export const PC_BIOS_2G = map([
  [0x0, 0x9fbff, 'usable'],
  [0x9fc00, 0x9ffff, 'reserved'],
  [0xf0000, 0xfffff, 'reserved'],
  [0x100000, 0x7ffdffff, 'usable'],
  [0x7ffe0000, 0x7fffffff, 'reserved'],
  [0xfeffc000, 0xfeffffff, 'reserved'],
  [0xfffc0000, 0xffffffff, 'reserved'],
]);

/** QEMU q35, OVMF, 2 GiB: ACPI and NVS holes near the top, a runtime hole below 1 MiB. */
export const OVMF_2G = map([
  [0x0, 0x9ffff, 'usable'],
  [0x100000, 0x7fffff, 'usable'],
  [0x800000, 0x807fff, 'nvs'],
  [0x808000, 0x80afff, 'usable'],
  [0x80b000, 0x80bfff, 'nvs'],
  [0x80c000, 0x810fff, 'usable'],
  [0x811000, 0x8fffff, 'nvs'],
  [0x900000, 0x7e88efff, 'usable'],
  [0x7e88f000, 0x7eb8efff, 'reserved'],
  [0x7eb8f000, 0x7eb9efff, 'acpi'],
  [0x7eb9f000, 0x7ec1efff, 'nvs'],
  [0x7ec1f000, 0x7f3dffff, 'usable'],
  [0x7f3e0000, 0x7fffffff, 'reserved'],
  [0xb0000000, 0xbfffffff, 'reserved'],
]);

/** A laptop with 8 GiB: low memory in two pieces, little RAM below 4 GiB, the rest above. */
export const LAPTOP_8G = map([
  [0x0, 0x57fff, 'usable'],
  [0x58000, 0x58fff, 'reserved'],
  [0x59000, 0x9dfff, 'usable'],
  [0x9e000, 0xfffff, 'reserved'],
  [0x100000, 0x6b39efff, 'usable'],
  [0x6b39f000, 0x6b39ffff, 'nvs'],
  [0x6b3a0000, 0x6b3a0fff, 'reserved'],
  [0x6b3a1000, 0x7a289fff, 'usable'],
  [0x7a28a000, 0x7a616fff, 'reserved'],
  [0x7a617000, 0x7a685fff, 'acpi'],
  [0x7a686000, 0x7acd7fff, 'nvs'],
  [0x7acd8000, 0x7b2defff, 'reserved'],
  [0x7b2df000, 0x7b2fffff, 'usable'],
  [0x7b300000, 0x7f7fffff, 'reserved'],
  [0xe0000000, 0xefffffff, 'reserved'],
  [0xfec00000, 0xfec00fff, 'reserved'],
  [0xfee00000, 0xfee00fff, 'reserved'],
  [0x100000000, 0x27e7fffff, 'usable'],
]);

/** A server with 64 GiB, most of it above 4 GiB, some of it set aside for special purposes. */
export const SERVER_64G = map([
  [0x0, 0x9ffff, 'usable'],
  [0xa0000, 0xfffff, 'reserved'],
  [0x100000, 0x5fc0ffff, 'usable'],
  [0x5fc10000, 0x6fbfffff, 'reserved'],
  [0x6fc00000, 0x6fdfffff, 'acpi'],
  [0x6fe00000, 0x6fffffff, 'nvs'],
  [0x70000000, 0x8fffffff, 'reserved'],
  [0x100000000, 0x107fffffff, 'usable'],
  [0x1080000000, 0x10bfffffff, 'soft-reserved'],
  [0x10c0000000, 0x10ffffffff, 'persistent'],
]);

export const FIRMWARE_SAMPLES = { PC_BIOS_2G, OVMF_2G, LAPTOP_8G, SERVER_64G };
