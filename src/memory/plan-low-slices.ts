import { type Fact, TorporError } from '../base/errors.ts';
import { type PhysRange, rangeOf } from '../base/ranges.ts';
import { alignUp, formatSize, PAGE_BYTES } from '../base/units.ts';
import type { FirmwareMap } from './memory-plan.ts';
import * as rules from './plan-rules.ts';

/**
 * Slices in one piece, from 64 KiB up, so that one memmap= covers them; home keeps as much as a slice
 * must have. Throws E_PLAN_LOW_SLICE with how many would fit.
 */
export function planLowSlices(firmware: FirmwareMap, count: number, sliceBytes: number): PhysRange[] {
  if (sliceBytes < rules.MIN_LOW_SLICE_BYTES || sliceBytes % PAGE_BYTES !== 0) {
    fail(
      `a low slice of ${formatSize(sliceBytes)} is not a number of pages of at least 48 KiB`,
      { sliceBytes },
      'leave out --low-slice, or give 48K or more',
    );
  }
  const pieces = firmware
    .filter((range) => range.type === 'usable')
    .map((range) => ({
      start: alignUp(Math.max(range.start, rules.LOW_START), PAGE_BYTES),
      end: Math.min(range.end, rules.LOW_END),
    }))
    .filter((piece) => piece.start < piece.end);
  const largestOf = (candidates: typeof pieces): number =>
    Math.max(0, ...candidates.map((piece) => piece.end - piece.start));
  /** How many slices a piece holds when home keeps its part there or in another piece. */
  const capacity = (piece: (typeof pieces)[number]): number => {
    const elsewhere = largestOf(pieces.filter((other) => other !== piece)) >= rules.MIN_LOW_SLICE_BYTES;
    const room = piece.end - piece.start - (elsewhere ? 0 : rules.MIN_LOW_SLICE_BYTES);
    return Math.max(0, Math.floor(room / sliceBytes));
  };
  const chosen = pieces.find((piece) => capacity(piece) >= count);
  if (chosen === undefined) {
    const most = Math.max(0, ...pieces.map(capacity));
    fail(
      `the memory below 640 KiB holds low slices of ${formatSize(sliceBytes)} for ${most} slots, not for ${count}`,
      { slots: count, most, sliceBytes },
      sliceBytes > rules.MIN_LOW_SLICE_BYTES
        ? 'ask for fewer slots, or try `--low-slice 48K`'
        : 'ask for fewer slots',
    );
  }
  return Array.from({ length: count }, (_, position) =>
    rangeOf(chosen.start + position * sliceBytes, sliceBytes),
  );
}

function fail(message: string, facts: Record<string, Fact>, hint: string): never {
  throw new TorporError('E_PLAN_LOW_SLICE', message, { facts, hint });
}
