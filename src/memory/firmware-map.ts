import { TorporError } from '../base/errors.ts';
import { PHYS_ADDR_LIMIT, physAddr } from '../base/units.ts';
import type { Sys } from '../sys/sys.ts';
import { decodeE820 } from './e820.ts';
import type { FirmwareMap, FirmwareRange, FirmwareType } from './memory-plan.ts';
import { normaliseMap } from './normalise-map.ts';

const MEMMAP = '/sys/firmware/memmap';
const BOOT_PARAMS = '/sys/kernel/boot_params/data';

/** The names of e820_type_to_string() in arch/x86/kernel/e820.c (Linux 6.12), in lower case. */
const TYPE_OF_NAME: Readonly<Record<string, FirmwareType>> = {
  'system ram': 'usable',
  reserved: 'reserved',
  'acpi tables': 'acpi',
  'acpi non-volatile storage': 'nvs',
  'unusable memory': 'unusable',
  'persistent memory': 'persistent',
  'persistent memory (legacy)': 'persistent',
  'soft reserved': 'soft-reserved',
  'unknown e820 type': 'reserved',
};

/**
 * The map that the firmware gave to the running kernel, before `memmap=` and `mem=` changed it:
 * /sys/firmware/memmap, else (kernels without CONFIG_FIRMWARE_MEMMAP) the e820 table of its
 * boot_params. Throws E_NO_FIRMWARE_MAP when neither can be read, E_FIRMWARE_MAP when it is absurd.
 */
export function readFirmwareMap(sys: Sys): FirmwareMap {
  const ranges = readMemmap(sys);
  if (ranges.length > 0) return normaliseMap(ranges);
  const bootParams = sys.readBinaryFile(BOOT_PARAMS);
  const table = bootParams === null ? [] : decodeE820(bootParams);
  if (table.length > 0) return normaliseMap(table);
  throw new TorporError('E_NO_FIRMWARE_MAP', 'this kernel does not show the firmware memory map', {
    facts: { tried: [MEMMAP, BOOT_PARAMS] },
    hint: 'give the map yourself: `dmesg > map.txt` soon after a start, then `torpor plan --firmware-map map.txt`',
  });
}

function readMemmap(sys: Sys): FirmwareRange[] {
  return sys.listDirectory(MEMMAP).map((entry) => {
    const read = (name: string): string => (sys.readTextFile(`${MEMMAP}/${entry}/${name}`) ?? '').trim();
    return decodeMemmapEntry(entry, read('start'), read('end'), read('type'));
  });
}

/** One entry of /sys/firmware/memmap. Its `end` is the last byte of the range. */
function decodeMemmapEntry(
  entry: string,
  startText: string,
  endText: string,
  typeText: string,
): FirmwareRange {
  const start = parseHex(startText);
  const last = parseHex(endText);
  const type = TYPE_OF_NAME[typeText.toLowerCase()];
  if (start === null || last === null || last < start || last >= PHYS_ADDR_LIMIT || type === undefined) {
    throw new TorporError('E_FIRMWARE_MAP', `${MEMMAP}/${entry} is not valid`, {
      facts: { entry, start: startText, end: endText, type: typeText },
      hint: 'give the map yourself with `torpor plan --firmware-map FILE`',
    });
  }
  return { start: physAddr(start), end: physAddr(last + 1), type };
}

/** `0x9fbff` → number. Null for anything else, also beyond 52 bits. */
export function parseHex(text: string): number | null {
  return /^0x[0-9a-f]{1,16}$/i.test(text) ? safeOrNull(Number(text)) : null;
}

function safeOrNull(value: number): number | null {
  return value <= PHYS_ADDR_LIMIT ? value : null;
}
