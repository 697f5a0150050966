import { type PhysRange, sizeOf, subtract } from '../base/ranges.ts';
import type { FirmwareMap, MemoryPlan } from './memory-plan.ts';
import { planRanges } from './reservations.ts';

/** What home keeps of the machine's RAM, bytes. */
export function homeBytes(plan: MemoryPlan, firmware: FirmwareMap): number {
  return homeRam(plan, firmware).reduce((sum, range) => sum + sizeOf(range), 0);
}

/** The usable ranges without everything that the plan takes, ascending. */
export function homeRam(plan: MemoryPlan, firmware: FirmwareMap): PhysRange[] {
  const taken = planRanges(plan).map(({ range }) => range);
  return firmware.filter((range) => range.type === 'usable').flatMap((range) => subtract(range, taken));
}
