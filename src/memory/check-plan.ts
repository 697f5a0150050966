import type { ErrorCodeName } from '../base/error-codes.ts';
import { type Fact, TorporError } from '../base/errors.ts';
import { contains, formatRange, overlaps, type PhysRange, sizeOf } from '../base/ranges.ts';
import { formatSize, PAGE_BYTES, physAddr } from '../base/units.ts';
import { homeBytes, homeRam } from './home-memory.ts';
import type { FirmwareMap, MemoryPlan } from './memory-plan.ts';
import * as rules from './plan-rules.ts';
import { planRanges, reservations } from './reservations.ts';

/**
 * Checks every rule of docs/formats/memory-plan.md on any plan, wherever it comes from. Throws
 * E_PLAN_SLOTS, E_PLAN_ALIGNMENT, E_PLAN_LOW_SLICE, E_PLAN_OVERLAP, E_PLAN_NOT_RAM or
 * E_PLAN_NO_ROOM.
 */
export function checkPlan(plan: MemoryPlan, firmware: FirmwareMap): void {
  checkSlots(plan);
  checkAlignment(plan);
  checkLowSlices(plan);
  checkOverlaps(plan);
  checkInsideRam(plan, firmware);
  checkSwitchboardPlace(plan);
  checkReservations(plan);
  checkHome(plan, firmware);
}

function checkSlots({ slots }: MemoryPlan): void {
  if (slots.length < 1 || slots.length > rules.MAX_GUESTS) {
    fail('E_PLAN_SLOTS', `a plan has 1 to ${rules.MAX_GUESTS} slots, this one ${slots.length}`, {
      slots: slots.length,
    });
  }
  for (const [position, { index, memory }] of slots.entries()) {
    if (index !== position + 1)
      fail('E_PLAN_SLOTS', `slot ${index} stands at place ${position + 1}`, { slot: index });
    if (sizeOf(memory) < rules.MIN_SLOT_BYTES) {
      const facts = { slot: index, sizeBytes: sizeOf(memory), minimumBytes: rules.MIN_SLOT_BYTES };
      fail(
        'E_PLAN_SLOTS',
        `slot ${index} has ${formatSize(sizeOf(memory))}; a kernel needs at least ${formatSize(rules.MIN_SLOT_BYTES)}`,
        facts,
      );
    }
  }
}

function checkAlignment({ switchboard, slots }: MemoryPlan): void {
  const check = (name: string, range: PhysRange, alignment: number): void => {
    if (range.start % alignment === 0 && range.end % alignment === 0) return;
    fail('E_PLAN_ALIGNMENT', `${name}, ${formatRange(range)}, is not aligned to ${formatSize(alignment)}`, {
      range: formatRange(range),
      alignmentBytes: alignment,
    });
  };
  check('the switchboard', switchboard, rules.SWITCHBOARD_SIZE_BYTES);
  if (sizeOf(switchboard) !== rules.SWITCHBOARD_SIZE_BYTES) {
    fail('E_PLAN_ALIGNMENT', `the switchboard has ${formatSize(sizeOf(switchboard))}, not 1 MiB`, {
      sizeBytes: sizeOf(switchboard),
    });
  }
  for (const { index, memory, low } of slots) {
    check(`slot ${index}`, memory, rules.SLOT_ALIGNMENT);
    check(`the low slice of slot ${index}`, low, PAGE_BYTES);
  }
}

function checkLowSlices({ slots }: MemoryPlan): void {
  const room = { start: physAddr(rules.LOW_START), end: physAddr(rules.LOW_END) };
  for (const { index, low } of slots) {
    const facts = {
      slot: index,
      range: formatRange(low),
      room: formatRange(room),
      minimumBytes: rules.MIN_LOW_SLICE_BYTES,
    };
    if (!contains(room, low)) {
      fail(
        'E_PLAN_LOW_SLICE',
        `the low slice of slot ${index}, ${formatRange(low)}, is not inside ${formatRange(room)}`,
        facts,
      );
    }
    if (sizeOf(low) < rules.MIN_LOW_SLICE_BYTES) {
      fail(
        'E_PLAN_LOW_SLICE',
        `the low slice of slot ${index} has ${formatSize(sizeOf(low))}; a kernel needs 48 KiB`,
        facts,
      );
    }
  }
}

function checkOverlaps(plan: MemoryPlan): void {
  const ranges = planRanges(plan);
  for (const [position, { name, range }] of ranges.entries()) {
    const next = ranges[position + 1];
    if (next === undefined || !overlaps(range, next.range)) continue;
    fail(
      'E_PLAN_OVERLAP',
      `${name}, ${formatRange(range)}, and ${next.name}, ${formatRange(next.range)}, overlap`,
      {
        first: formatRange(range),
        second: formatRange(next.range),
      },
    );
  }
}

function checkInsideRam(plan: MemoryPlan, firmware: FirmwareMap): void {
  for (const { name, range } of planRanges(plan)) {
    if (firmware.some((outer) => outer.type === 'usable' && contains(outer, range))) continue;
    const inTheWay = firmware.find((other) => other.type !== 'usable' && overlaps(other, range));
    const why =
      inTheWay === undefined
        ? 'there is no RAM in a part of it'
        : `${inTheWay.type} ${formatRange(inTheWay)} lies in it`;
    fail(
      'E_PLAN_NOT_RAM',
      `${name}, ${formatRange(range)}, is not inside one usable firmware range: ${why}`,
      {
        range: formatRange(range),
        usable: firmware.filter((other) => other.type === 'usable').map(formatRange),
      },
    );
  }
}

/**
 * Directly below the lowest slot. A kernel marks the gap after its RAM, up to the next 64 MiB, busy
 * (`RAM buffer`, arch/x86/kernel/e820.c), and could then not map a switchboard that lies there.
 */
function checkSwitchboardPlace({ switchboard, slots }: MemoryPlan): void {
  const lowest = Math.min(...slots.map((slot) => slot.memory.start));
  if (switchboard.end === lowest) return;
  fail(
    'E_PLAN_ALIGNMENT',
    `the switchboard, ${formatRange(switchboard)}, is not directly below the lowest slot`,
    {
      switchboard: formatRange(switchboard),
      lowestSlot: lowest,
    },
  );
}

function checkReservations(plan: MemoryPlan): void {
  const pieces = reservations(plan);
  if (pieces.length <= rules.MAX_RESERVATIONS) return;
  fail(
    'E_PLAN_NO_ROOM',
    `the plan needs ${pieces.length} memmap= regions; kernels honour ${rules.MAX_RESERVATIONS}`,
    {
      regions: pieces.map(formatRange),
      limit: rules.MAX_RESERVATIONS,
    },
  );
}

function checkHome(plan: MemoryPlan, firmware: FirmwareMap): void {
  const kept = homeBytes(plan, firmware);
  if (kept < rules.MIN_HOME_BYTES) {
    fail(
      'E_PLAN_NO_ROOM',
      `home would keep ${formatSize(kept)} of RAM; it needs ${formatSize(rules.MIN_HOME_BYTES)}`,
      {
        homeBytes: kept,
        minimumBytes: rules.MIN_HOME_BYTES,
      },
    );
  }
  const kernel = { start: physAddr(rules.HOME_KERNEL.start), end: physAddr(rules.HOME_KERNEL.end) };
  const inTheWay = planRanges(plan).find(({ range }) => overlaps(range, kernel));
  if (inTheWay !== undefined) {
    fail(
      'E_PLAN_NO_ROOM',
      `${inTheWay.name} takes the place where home's kernel is loaded, ${formatRange(kernel)}`,
      {
        range: formatRange(inTheWay.range),
        kernel: formatRange(kernel),
      },
    );
  }
  const room = homeRam(plan, firmware)
    .map((range) => Math.min(range.end, rules.LOW_END) - Math.max(range.start, rules.LOW_START))
    .reduce((most, bytes) => Math.max(most, bytes), 0);
  if (room < rules.MIN_LOW_SLICE_BYTES) {
    fail(
      'E_PLAN_LOW_SLICE',
      `home would keep ${formatSize(Math.max(room, 0))} between 64 and 636 KiB; it needs 48 KiB in one piece`,
      {
        homeLowBytes: Math.max(room, 0),
        minimumBytes: rules.MIN_LOW_SLICE_BYTES,
      },
    );
  }
}

function fail(code: ErrorCodeName, message: string, facts: Record<string, Fact>): never {
  throw new TorporError(code, message, {
    facts,
    hint: 'make a plan for this machine with `torpor plan --slots …`',
  });
}
