import type { MemoryPlan } from './memory-plan.ts';
import { encodePlanArguments } from './plan-arguments.ts';

/**
 * The memmap= arguments of a kernel command line that do not come from `plan`, the one in force
 * there, if any. They share the four regions that kernels honour.
 */
export function otherMemmap(commandLine: string, plan: MemoryPlan | null): string[] {
  const own = new Set(plan === null ? [] : encodePlanArguments(plan));
  return commandLine.split(/\s+/).filter((word) => word.startsWith('memmap=') && !own.has(word));
}
