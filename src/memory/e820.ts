import { TorporError } from '../base/errors.ts';
import { defineStruct, u32, u64 } from '../base/struct.ts';
import { PHYS_ADDR_LIMIT, physAddr } from '../base/units.ts';
import type { FirmwareMap, FirmwareRange, FirmwareType } from './memory-plan.ts';

/** One row of an e820 table (arch/x86/include/uapi/asm/setup_data.h, Linux 6.12). */
const E820_ENTRY = defineStruct('boot_e820_entry', 20, { start: u64(0), sizeBytes: u64(8), type: u32(16) });

/** The rows that struct boot_params holds (E820_MAX_ENTRIES_ZEROPAGE). */
export const E820_MAX_ENTRIES = 128;
export const E820_ENTRY_BYTES = E820_ENTRY.sizeBytes;
/** Offsets in struct boot_params: the number of rows (u8) and the rows. */
export const E820_COUNT_OFFSET = 0x1e8;
export const E820_TABLE_OFFSET = 0x2d0;

/** Numbers of arch/x86/include/asm/e820/types.h. */
const CODE_OF: Readonly<Record<FirmwareType, number>> = {
  usable: 1,
  reserved: 2,
  acpi: 3,
  nvs: 4,
  unusable: 5,
  persistent: 7,
  'soft-reserved': 0xefff_ffff,
};
/** Older numbers for the same things: legacy persistent memory and the kernel's own RAM mark. */
const OLD_CODES = { 12: 'persistent', 128: 'usable' } as const satisfies Record<number, FirmwareType>;
const TYPE_OF = new Map<number, FirmwareType>([
  ...Object.entries(CODE_OF).map(([type, code]) => [code, type as FirmwareType] as const),
  ...Object.entries(OLD_CODES).map(([code, type]) => [Number(code), type] as const),
]);

/** An e820 type number as a name. A number that nobody defined is not memory to use: `reserved`. */
export function decodeE820Type(code: number): FirmwareType {
  return TYPE_OF.get(code) ?? 'reserved';
}

/**
 * The e820 table of a struct boot_params as the boot loader passed it, unsorted. Rows beyond the
 * 128th (SETUP_E820_EXT in setup_data) are not in this structure and are not read. Throws
 * E_FIRMWARE_MAP.
 */
export function decodeE820(bootParams: Uint8Array): FirmwareRange[] {
  const count = bootParams[E820_COUNT_OFFSET] ?? 0;
  if (count > E820_MAX_ENTRIES || E820_TABLE_OFFSET + count * E820_ENTRY_BYTES > bootParams.byteLength) {
    throw new TorporError(
      'E_FIRMWARE_MAP',
      `boot_params of ${bootParams.byteLength} bytes cannot hold ${count} e820 rows`,
      {
        facts: { rows: count, bytes: bootParams.byteLength },
        hint: 'read all 4096 bytes of /sys/kernel/boot_params/data',
      },
    );
  }
  const ranges: FirmwareRange[] = [];
  for (let row = 0; row < count; row += 1) {
    const entry = E820_ENTRY.decode(bootParams, E820_TABLE_OFFSET + row * E820_ENTRY_BYTES);
    if (entry.sizeBytes === 0n) continue;
    const end = entry.start + entry.sizeBytes;
    if (end > BigInt(PHYS_ADDR_LIMIT)) {
      throw new TorporError('E_FIRMWARE_MAP', `e820 row ${row} reaches beyond 52 bits`, {
        facts: {
          row,
          start: `0x${entry.start.toString(16)}`,
          sizeBytes: `0x${entry.sizeBytes.toString(16)}`,
        },
      });
    }
    ranges.push({ start: physAddr(entry.start), end: physAddr(end), type: decodeE820Type(entry.type) });
  }
  return ranges;
}

/** Writes a map into a struct boot_params. Throws E_FIRMWARE_MAP for more than 128 rows. */
export function encodeE820(bootParams: Uint8Array, map: FirmwareMap): void {
  checkE820Rows(map);
  bootParams[E820_COUNT_OFFSET] = map.length;
  for (const [row, range] of map.entries()) {
    E820_ENTRY.encodeInto(
      bootParams,
      { start: BigInt(range.start), sizeBytes: BigInt(range.end - range.start), type: CODE_OF[range.type] },
      E820_TABLE_OFFSET + row * E820_ENTRY_BYTES,
    );
  }
}

/** Throws E_FIRMWARE_MAP when a map has more rows than struct boot_params holds. */
export function checkE820Rows(map: FirmwareMap): void {
  if (map.length <= E820_MAX_ENTRIES) return;
  throw new TorporError(
    'E_FIRMWARE_MAP',
    `the memory map has ${map.length} ranges; a kernel is given at most 128`,
    {
      facts: { ranges: map.length, limit: E820_MAX_ENTRIES },
      hint: 'plan fewer slots, or slots in one piece',
    },
  );
}
