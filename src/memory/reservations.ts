import type { PhysRange } from '../base/ranges.ts';
import type { MemoryPlan } from './memory-plan.ts';

/** Every range that the plan takes away from home: slots, low slices and the switchboard, ascending. */
export function planRanges(plan: MemoryPlan): { name: string; range: PhysRange }[] {
  return [
    { name: 'the switchboard', range: plan.switchboard },
    ...plan.slots.flatMap((slot) => [
      { name: `slot ${slot.index}`, range: slot.memory },
      { name: `the low slice of slot ${slot.index}`, range: slot.low },
    ]),
  ].toSorted((a, b) => a.range.start - b.range.start);
}

/** The plan's ranges with touching ones joined: one memmap= argument each. */
export function reservations(plan: MemoryPlan): PhysRange[] {
  const joined: PhysRange[] = [];
  for (const { range } of planRanges(plan)) {
    const last = joined.at(-1);
    if (last !== undefined && last.end === range.start)
      joined[joined.length - 1] = { start: last.start, end: range.end };
    else joined.push({ start: range.start, end: range.end });
  }
  return joined;
}
