import { sizeOf } from '../base/ranges.ts';
import { alignDown, GIB, kernelSize, MIB } from '../base/units.ts';
import { readFirmwareMap } from '../memory/firmware-map.ts';
import {
  HOME_KERNEL,
  MIN_HOME_BYTES,
  MIN_SLOT_BYTES,
  SLOT_ALIGNMENT,
  SWITCHBOARD_SIZE_BYTES,
  TOP_MARGIN_BYTES,
} from '../memory/plan-rules.ts';
import type { Sys } from '../sys/sys.ts';

/** About the largest slot that a plan could give on this machine, home keeping its least; 0 for none. */
export function largestSlotBytes(sys: Sys): number {
  const usable = readFirmwareMap(sys).filter(({ type }) => type === 'usable');
  const total = usable.reduce((sum, range) => sum + sizeOf(range), 0);
  const room = usable.map((range) => range.end - Math.max(range.start, HOME_KERNEL.end) - TOP_MARGIN_BYTES);
  const best =
    Math.min(Math.max(...room, 0), total - MIN_HOME_BYTES) - SWITCHBOARD_SIZE_BYTES - SLOT_ALIGNMENT;
  return best < MIN_SLOT_BYTES ? 0 : alignDown(best, SLOT_ALIGNMENT);
}

/** `2x4G`: up to three quarters of the memory in one or two slots of a round size; null for none. */
export function suggestSlots(sys: Sys): string | null {
  const largest = largestSlotBytes(sys);
  if (largest === 0) return null;
  const round = 2 ** Math.floor(Math.log2((largest * 3) / 4));
  const size = Math.min(Math.max(round / 2, Math.min(round, 256 * MIB)), 4 * GIB);
  return `${size * 2 <= largest ? 2 : 1}x${kernelSize(size)}`;
}
