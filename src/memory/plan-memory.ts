import type { ErrorCodeName } from '../base/error-codes.ts';
import { type Fact, TorporError } from '../base/errors.ts';
import { type PhysRange, rangeOf, sizeOf } from '../base/ranges.ts';
import { alignUp, formatSize, MIB, physAddr } from '../base/units.ts';
import { checkPlan } from './check-plan.ts';
import { homeBytes } from './home-memory.ts';
import type { FirmwareMap, MemoryPlan, SlotPlan } from './memory-plan.ts';
import { placeSlots } from './place-slots.ts';
import { planLowSlices } from './plan-low-slices.ts';
import * as rules from './plan-rules.ts';

/** What a user wants of a machine. */
export interface WantedSlots {
  readonly slots: readonly { readonly sizeBytes: number }[];
  /** Memory below 640 KiB for each slot; 64 KiB by default. */
  readonly lowSliceBytes?: number;
  /** Accept nothing above 4 GiB. */
  readonly below4G?: boolean;
  /** Where the lowest slot must start; all others follow it. */
  readonly at?: number;
}

export interface PlannedMemory {
  readonly plan: MemoryPlan;
  /** RAM that home keeps. */
  readonly homeBytes: number;
  /** What a user should know before using the plan, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Finds a place for the wanted slots, the switchboard and the low slices. The result has passed
 * checkPlan. Throws E_PLAN_SLOTS, E_PLAN_ALIGNMENT, E_PLAN_LOW_SLICE, E_PLAN_NO_ROOM, and with `at`
 * every code of checkPlan.
 */
export function planMemory(firmware: FirmwareMap, wanted: WantedSlots): PlannedMemory {
  const sizes = wanted.slots.map((slot) => slot.sizeBytes);
  checkWanted(sizes);
  const lowRam = planLowSlices(firmware, sizes.length, wanted.lowSliceBytes ?? rules.DEFAULT_LOW_SLICE_BYTES);
  const placed =
    wanted.at === undefined
      ? placeSlots(firmware, sizes, wanted.below4G === true)
      : placeInOrder(sizes, wanted.at);
  const slots = placed.map(
    (memory, position): SlotPlan => ({ index: position + 1, memory, low: lowRam[position]! }),
  );
  const lowest = Math.min(...slots.map((slot) => slot.memory.start));
  const plan: MemoryPlan = {
    switchboard: rangeOf(lowest - rules.SWITCHBOARD_SIZE_BYTES, rules.SWITCHBOARD_SIZE_BYTES),
    slots,
  };
  checkPlan(plan, firmware);
  return { plan, homeBytes: homeBytes(plan, firmware), warnings: warningsOf(plan) };
}

function checkWanted(sizes: readonly number[]): void {
  if (sizes.length < 1 || sizes.length > rules.MAX_GUESTS) {
    fail(
      'E_PLAN_SLOTS',
      `a machine has 1 to ${rules.MAX_GUESTS} slots; ${sizes.length} are wanted`,
      { slots: sizes.length },
      'such as `--slots 3x1G`',
    );
  }
  for (const [position, size] of sizes.entries()) {
    const facts = { slot: position + 1, sizeBytes: size };
    if (!Number.isSafeInteger(size) || size < rules.MIN_SLOT_BYTES) {
      fail(
        'E_PLAN_SLOTS',
        `slot ${position + 1} has ${formatSize(size)}; a kernel needs at least ${formatSize(rules.MIN_SLOT_BYTES)}`,
        facts,
        'ask for 512M or more for a usual Linux system',
      );
    }
    if (size % rules.SLOT_ALIGNMENT !== 0) {
      const next = formatSize(alignUp(size, rules.SLOT_ALIGNMENT));
      fail(
        'E_PLAN_ALIGNMENT',
        `the size of slot ${position + 1}, ${formatSize(size)}, is not a multiple of 2 MiB`,
        facts,
        `ask for ${next}`,
      );
    }
  }
}

function placeInOrder(sizes: readonly number[], at: number): PhysRange[] {
  if (at % rules.SLOT_ALIGNMENT !== 0 || at < rules.SLOT_ALIGNMENT) {
    fail(
      'E_PLAN_ALIGNMENT',
      `${formatSize(at)} is not a place for a slot: it must be a multiple of 2 MiB`,
      { at },
      'such as `--at 0x20000000`',
    );
  }
  let start = at;
  return sizes.map((size) => {
    const range = rangeOf(start, size);
    start = range.end;
    return range;
  });
}

function warningsOf(plan: MemoryPlan): string[] {
  const limit = physAddr(rules.DMA32_LIMIT);
  const high = plan.slots.filter((slot) => slot.memory.end > limit).map((slot) => slot.index);
  const warnings: string[] = [];
  if (high.length > 0) {
    warnings.push(
      `slot ${high.join(', ')} lies above 4 GiB: devices that reach only 32-bit addresses (some network, sound and USB controllers) do not work in an OS there`,
    );
  }
  const small = plan.slots.filter((slot) => sizeOf(slot.memory) < 256 * MIB).map((slot) => slot.index);
  if (small.length > 0)
    warnings.push(`slot ${small.join(', ')} has less than 256 MiB: too little for most distributions`);
  return warnings;
}

function fail(code: ErrorCodeName, message: string, facts: Record<string, Fact>, hint: string): never {
  throw new TorporError(code, message, { facts, hint });
}
