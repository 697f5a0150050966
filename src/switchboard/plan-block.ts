import { z } from 'zod';
import { TorporError } from '../base/errors.ts';
import { physAddr } from '../base/units.ts';
import type { FirmwareMap, MemoryPlan } from '../memory/memory-plan.ts';
import { MAX_SLOTS } from './layout.ts';

const address = z.number().int().nonnegative().transform(physAddr);
const range = z
  .object({ start: address, end: address })
  .refine((value) => value.start < value.end, 'empty range');
const types = ['usable', 'reserved', 'acpi', 'nvs', 'unusable', 'persistent', 'soft-reserved'] as const;
const schema = z.object({
  plan: z.object({
    switchboard: range,
    slots: z
      .array(z.object({ index: z.number().int().min(1), memory: range, low: range }))
      .max(MAX_SLOTS - 1),
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

/** Checks a plan block's JSON. Throws E_SWITCHBOARD_VALUE naming the path of the first wrong value. */
export function decodePlanBlock(json: unknown): PlanBlock {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new TorporError(
    'E_SWITCHBOARD_VALUE',
    `the switchboard's plan is not valid at ${issue.path.join('.')}: ${issue.message}`,
    {
      facts: { path: issue.path.join('.') },
      hint: 'do not switch; save your work and restart the machine',
    },
  );
}
