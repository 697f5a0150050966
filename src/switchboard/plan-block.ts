import * as z from 'zod';
import { TorporError } from '../base/errors.ts';
import { formatRange, type PhysRange } from '../base/ranges.ts';
import { PHYS_ADDR_LIMIT, physAddr } from '../base/units.ts';
import type { FirmwareMap, MemoryPlan } from '../memory/memory-plan.ts';
import { MAX_SLOTS } from './layout.ts';

const address = z.number().int().min(0).max(PHYS_ADDR_LIMIT).transform(physAddr);
const range = z
  .object({ start: address, end: address })
  .refine((value) => value.start < value.end, 'empty range');
const types = ['usable', 'reserved', 'acpi', 'nvs', 'unusable', 'persistent', 'soft-reserved'] as const;
const schema = z.object({
  plan: z.object({
    switchboard: range,
    slots: z
      .array(z.object({ index: z.number(), memory: range, low: range }))
      .max(MAX_SLOTS - 1)
      .refine((slots) => slots.every(({ index }, at) => index === at + 1), 'slots are numbered 1, 2, …'),
  }),
  firmware: z.array(z.object({ start: address, end: address, type: z.enum(types) })),
});

export interface PlanBlock {
  readonly plan: MemoryPlan;
  readonly firmware: FirmwareMap;
}

/** Only what the block holds, so that nothing else of a larger object gets into it. */
export function encodePlanBlock({ plan, firmware }: PlanBlock): PlanBlock {
  return { plan, firmware };
}

/**
 * Checks a plan block's JSON, which must be the plan of this very switchboard with `records`
 * records. Throws E_SWITCHBOARD_VALUE naming the path of the first wrong value.
 */
export function decodePlanBlock(json: unknown, switchboard: PhysRange, records: number): PlanBlock {
  const result = schema.safeParse(json);
  if (!result.success) {
    const issue = result.error.issues[0]!;
    throw invalid(issue.path.join('.') || 'its top', issue.message);
  }
  const { plan } = result.data;
  if (plan.switchboard.start !== switchboard.start || plan.switchboard.end !== switchboard.end)
    throw invalid('plan.switchboard', `it is at ${formatRange(switchboard)}`);
  if (plan.slots.length + 1 !== records) throw invalid('plan.slots', `there are ${records} records`);
  return result.data;
}

function invalid(path: string, why: string): TorporError {
  return new TorporError('E_SWITCHBOARD_VALUE', `the switchboard's plan is not valid at ${path}: ${why}`, {
    facts: { path },
    hint: 'do not switch; save your work and restart the machine',
  });
}
