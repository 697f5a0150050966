import { contains, type PhysRange, rangeOf } from '../base/ranges.ts';
import type { PhysAddr } from '../base/units.ts';
import type { MemoryPlan } from '../memory/memory-plan.ts';
import { OFFSET } from './layout.ts';
import { MAPPED_LIMIT_BYTES } from './page-tables.ts';
import { HOME_MEMORY, impossible, type SlotRecord } from './record.ts';

/**
 * Checks that a record agrees with the plan: its memory and stub are the plan's, and what would be
 * jumped to is mapped and belongs to it (invariants 2 and 3). Throws E_SWITCHBOARD_VALUE.
 */
export function checkPlace(record: SlotRecord, base: PhysAddr, plan: MemoryPlan): void {
  const { index, memory, low, stub, entry, state } = record;
  const planned = plan.slots.find((slot) => slot.index === index);
  if (!isSame(memory, planned?.memory ?? HOME_MEMORY)) throw impossible(index, 'memory', memory.start);
  if (!isSame(low, planned?.low ?? null)) throw impossible(index, 'low slice', low?.start ?? 0);
  if (stub !== (planned?.memory.start ?? base + OFFSET.homeStub)) throw impossible(index, 'stub', stub);
  if (state !== 'loaded' && state !== 'parked') return;
  if (entry >= MAPPED_LIMIT_BYTES) throw impossible(index, 'entry', entry);
  const foreign = [plan.switchboard, ...plan.slots.flatMap((slot) => [slot.memory, slot.low])];
  if (index === 0 && foreign.some((range) => contains(range, rangeOf(entry, 1))))
    throw impossible(index, 'entry', entry);
}

function isSame(a: PhysRange | null, b: PhysRange | null): boolean {
  return a?.start === b?.start && a?.end === b?.end;
}
