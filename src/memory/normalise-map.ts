import { TorporError } from '../base/errors.ts';
import { formatRange } from '../base/ranges.ts';
import type { FirmwareMap, FirmwareRange } from './memory-plan.ts';

/**
 * Sorts ranges, merges neighbours and overlaps of one type, and drops empty ones. Ranges of
 * different types must not overlap: throws E_FIRMWARE_MAP.
 */
export function normaliseMap(ranges: readonly FirmwareRange[]): FirmwareMap {
  const result: FirmwareRange[] = [];
  for (const range of ranges
    .filter((r) => r.start < r.end)
    .toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    const last = result.at(-1);
    if (
      last === undefined ||
      range.start > last.end ||
      (range.start === last.end && range.type !== last.type)
    ) {
      result.push({ start: range.start, end: range.end, type: range.type });
    } else if (range.type === last.type) {
      if (range.end > last.end) result[result.length - 1] = { ...last, end: range.end };
    } else {
      throw new TorporError(
        'E_FIRMWARE_MAP',
        `${last.type} ${formatRange(last)} and ${range.type} ${formatRange(range)} overlap`,
        {
          facts: {
            first: formatRange(last),
            firstType: last.type,
            second: formatRange(range),
            secondType: range.type,
          },
          hint: 'use the map that the kernel has cleaned up: /sys/firmware/memmap or the BIOS-e820 lines of dmesg',
        },
      );
    }
  }
  return result;
}
