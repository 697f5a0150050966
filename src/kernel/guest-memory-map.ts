import { TorporError } from '../base/errors.ts';
import { contains, formatRange, type PhysRange, subtract } from '../base/ranges.ts';
import { KIB, MIB, PAGE_BYTES, physAddr } from '../base/units.ts';
import { checkE820Rows } from '../memory/e820.ts';
import type {
  FirmwareMap,
  FirmwareRange,
  FirmwareType,
  MemoryPlan,
  SlotPlan,
} from '../memory/memory-plan.ts';
import { normaliseMap } from '../memory/normalise-map.ts';

/** The start of each slot that its kernel does not use as RAM: the jump stub, boot_params, arguments. */
export const SLOT_HEADER_BYTES = 64 * KIB;

/**
 * What becomes of the firmware's types for a guest. Persistent and special-purpose memory would be
 * handed to drivers (or onlined as RAM) by every kernel that sees it, so only home does.
 */
const GUEST_TYPE: Readonly<Record<Exclude<FirmwareType, 'usable'>, FirmwareType>> = {
  reserved: 'reserved',
  acpi: 'acpi',
  nvs: 'nvs',
  unusable: 'unusable',
  persistent: 'reserved',
  'soft-reserved': 'reserved',
};

/**
 * The e820 map of a guest: its low slice and its slot without the slot header are RAM, all other
 * RAM of the machine is reserved, the firmware's own ranges keep their types, and the switchboard
 * is in no entry. Throws E_PLAN_SLOTS, E_PLAN_NOT_RAM, and E_FIRMWARE_MAP for more than 128 rows.
 */
export function guestMemoryMap(firmware: FirmwareMap, plan: MemoryPlan, slotIndex: number): FirmwareMap {
  const slot = plan.slots.find((candidate) => candidate.index === slotIndex);
  if (slot === undefined) {
    throw new TorporError('E_PLAN_SLOTS', `the memory plan has no slot ${slotIndex}`, {
      facts: { slot: slotIndex, slots: plan.slots.length },
    });
  }
  const own = ownRam(slot, firmware);
  const firmwareRanges: FirmwareRange[] = [];
  const foreignRam: PhysRange[] = [];
  for (const range of firmware) {
    if (range.type === 'usable') foreignRam.push(...subtract(range, [...own, plan.switchboard]));
    else firmwareRanges.push({ start: range.start, end: range.end, type: GUEST_TYPE[range.type] });
  }
  const map = normaliseMap([
    ...own.map((range): FirmwareRange => ({ ...range, type: 'usable' })),
    ...firmwareRanges,
    ...keepReachable(foreignRam, firmwareRanges),
  ]);
  checkE820Rows(map);
  return map;
}

function ownRam(slot: SlotPlan, firmware: FirmwareMap): PhysRange[] {
  const ram = { start: physAddr(slot.memory.start + SLOT_HEADER_BYTES), end: slot.memory.end };
  for (const range of [slot.low, slot.memory]) {
    if (firmware.some((outer) => outer.type === 'usable' && contains(outer, range))) continue;
    throw new TorporError(
      'E_PLAN_NOT_RAM',
      `slot ${slot.index}: ${formatRange(range)} is not inside one usable range`,
      {
        facts: { slot: slot.index, start: range.start, end: range.end },
        hint: 'the firmware map has changed since the plan was made; run `torpor plan` again',
      },
    );
  }
  return [slot.low, ram];
}

/**
 * Reserves foreign RAM so that a guest with IO_STRICT_DEVMEM can still map it. A kernel merges
 * touching reserved entries, marks those that start below 1 MiB busy (do_mark_busy in
 * arch/x86/kernel/e820.c, Linux 6.12), and refuses to map busy ranges. So a page in no entry
 * separates foreign RAM from a reserved run that begins below 1 MiB.
 */
function keepReachable(
  foreignRam: readonly PhysRange[],
  firmwareRanges: readonly FirmwareRange[],
): FirmwareRange[] {
  const border = physAddr(MIB);
  const pieces = foreignRam.flatMap((range) =>
    range.start < border && border < range.end
      ? [
          { start: range.start, end: border },
          { start: border, end: range.end },
        ]
      : [range],
  );
  const marked = [
    ...pieces.map((range) => ({ range, foreign: true })),
    ...firmwareRanges
      .filter((range) => range.type === 'reserved')
      .map((range) => ({ range, foreign: false })),
  ].toSorted((a, b) => a.range.start - b.range.start);

  const result: FirmwareRange[] = [];
  let lowRunEnd: number = -1;
  for (const { range, foreign } of marked) {
    let start = range.start;
    if (start < border) lowRunEnd = range.end;
    else if (start === lowRunEnd && foreign) start = physAddr(Math.min(start + PAGE_BYTES, range.end));
    else if (start === lowRunEnd) lowRunEnd = range.end;
    if (foreign && start < range.end) result.push({ start, end: range.end, type: 'reserved' });
  }
  return result;
}
