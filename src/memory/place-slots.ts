import { TorporError } from '../base/errors.ts';
import { type PhysRange, rangeOf, sizeOf } from '../base/ranges.ts';
import { alignDown, alignUp, formatSize } from '../base/units.ts';
import type { FirmwareMap } from './memory-plan.ts';
import * as rules from './plan-rules.ts';

/** A place that can take slots: 2 MiB aligned, with room for the switchboard below `start`. */
interface Area {
  readonly start: number;
  readonly end: number;
}

/**
 * Finds a range for each size, in the order of the sizes: in one piece high below 4 GiB, else in up
 * to three pieces below, else in one piece above, else in up to three anywhere. Throws
 * E_PLAN_NO_ROOM with the largest size that would fit.
 */
export function placeSlots(firmware: FirmwareMap, sizes: readonly number[], below4G: boolean): PhysRange[] {
  const totalBytes = sizes.reduce((sum, size) => sum + size, 0);
  const freeBytes = usableBytes(firmware) - rules.MIN_HOME_BYTES - rules.SWITCHBOARD_SIZE_BYTES;
  if (totalBytes > freeBytes) throw noRoom(sizes, freeBytes, 'home must keep 256 MiB');
  const low = areasOf(firmware, 0, rules.DMA32_LIMIT);
  const high = areasOf(firmware, rules.DMA32_LIMIT, Number.POSITIVE_INFINITY);
  const found =
    placeInOne(low, sizes) ??
    placeInSeveral(low, sizes) ??
    (below4G ? null : (placeInOne(high, sizes) ?? placeInSeveral([...low, ...high], sizes)));
  if (found !== null) return found;
  const areas = below4G ? low : [...low, ...high];
  const fits = areas.reduce((sum, area) => sum + area.end - area.start, 0);
  throw noRoom(
    sizes,
    Math.min(fits, freeBytes),
    below4G ? 'nothing above 4 GiB was allowed' : 'the usable memory is in too many pieces',
  );
}

function usableBytes(firmware: FirmwareMap): number {
  return firmware.reduce((sum, range) => sum + (range.type === 'usable' ? sizeOf(range) : 0), 0);
}

/** The usable ranges between two addresses, without the part where home's kernel is loaded. */
function areasOf(firmware: FirmwareMap, from: number, to: number): Area[] {
  return firmware
    .filter((range) => range.type === 'usable')
    .map((range) => ({
      start: alignUp(
        Math.max(range.start, from, rules.HOME_KERNEL.end) + rules.SWITCHBOARD_SIZE_BYTES,
        rules.SLOT_ALIGNMENT,
      ),
      end: alignDown(Math.min(range.end, to), rules.SLOT_ALIGNMENT),
    }))
    .filter((area) => area.start < area.end);
}

/** In the highest area that holds all; some memory above stays free when there is enough. */
function placeInOne(areas: readonly Area[], sizes: readonly number[]): PhysRange[] | null {
  const totalBytes = sizes.reduce((sum, size) => sum + size, 0);
  for (const margin of [rules.TOP_MARGIN_BYTES, 0]) {
    const area = areas.findLast((candidate) => candidate.end - candidate.start - margin >= totalBytes);
    if (area !== undefined) return layOut(sizes, area.end - margin - totalBytes);
  }
  return null;
}

/** Largest slots first, each into the fullest of the largest areas that still holds it. */
function placeInSeveral(areas: readonly Area[], sizes: readonly number[]): PhysRange[] | null {
  const chosen = areas
    .toSorted((a, b) => b.end - b.start - (a.end - a.start))
    .slice(0, rules.MAX_HIGH_RESERVATIONS)
    .map((area) => ({ area, freeBytes: area.end - area.start, slots: [] as number[] }));
  for (const slot of sizes
    .keys()
    .toArray()
    .toSorted((a, b) => sizes[b]! - sizes[a]!)) {
    const fitting = chosen
      .filter((piece) => piece.freeBytes >= sizes[slot]!)
      .toSorted((a, b) => a.freeBytes - b.freeBytes);
    const piece = fitting[0];
    if (piece === undefined) return null;
    piece.freeBytes -= sizes[slot]!;
    piece.slots.push(slot);
  }
  const result: PhysRange[] = [];
  for (const { area, freeBytes, slots } of chosen) {
    const inOrder = slots.toSorted((a, b) => a - b);
    const ranges = layOut(
      inOrder.map((slot) => sizes[slot]!),
      area.start + freeBytes,
    );
    for (const [position, slot] of inOrder.entries()) result[slot] = ranges[position]!;
  }
  return result;
}

function layOut(sizes: readonly number[], start: number): PhysRange[] {
  let position = start;
  return sizes.map((size) => {
    const range = rangeOf(position, size);
    position += size;
    return range;
  });
}

function noRoom(sizes: readonly number[], roomBytes: number, why: string): TorporError {
  const wantedBytes = sizes.reduce((sum, size) => sum + size, 0);
  const room = Math.max(0, alignDown(roomBytes, rules.SLOT_ALIGNMENT));
  return new TorporError(
    'E_PLAN_NO_ROOM',
    `${formatSize(wantedBytes)} for ${sizes.length} slots do not fit this machine: ${why}`,
    {
      facts: { wantedBytes, roomBytes: room, slots: sizes.length },
      hint: `at most ${formatSize(room)} can be given to slots here; ask for fewer or smaller ones`,
    },
  );
}
