import { formatRange } from '../base/ranges.ts';
import { formatSize } from '../base/units.ts';
import { requireNone } from '../machine/fences.ts';
import type { RestoreResult } from '../machine/restore-os.ts';
import type { describeRestorePlan } from '../machine/restore-plan.ts';
import { print, printJson } from './output.ts';

type Plan = ReturnType<typeof describeRestorePlan>;

/** A restore that was done, or the plan of one; throws the first thing that stands against it. */
export function printOutcome(ok: RestoreResult | Plan, json: boolean): void {
  if ('generation' in ok) {
    if (json) printJson(ok);
    else printResult(ok);
    return;
  }
  if (json) printJson(ok);
  else printPlan(ok);
  requireNone(ok.obstacles, ok.reference);
}

function printResult({ reference, slot, generation, totalMs, stagesMs, os }: RestoreResult): void {
  const stages = Object.entries(stagesMs).map(([name, ms]) => `${name} ${((ms ?? 0) / 1000).toFixed(1)} s`);
  print(
    `${reference} is in slot ${slot}, after ${(totalMs / 1000).toFixed(1)} s (${stages.join(', ')}); restore number ${generation} of it`,
  );
  print(`go there with \`torpor switch ${os}\``);
}

function printPlan(plan: Plan): void {
  print(`would restore ${plan.reference} of ${plan.created} into slot ${plan.slot ?? 'none'}`);
  if (plan.replaces !== null) print(`  in place of “${plan.replaces.name}” (${plan.replaces.state})`);
  for (const range of plan.memory) print(`  memory ${formatRange(range)}`);
  for (const disk of plan.disks) print(`  disk ${disk.name}: ${disk.path}, ${formatSize(disk.sizeBytes)}`);
  for (const { message } of plan.obstacles) print(`  cannot: ${message}`);
}
