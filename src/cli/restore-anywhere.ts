import type { Command } from 'commander';
import { TorporError } from '../base/errors.ts';
import { askHome } from '../machine/ask-home.ts';
import { withBank } from '../machine/open-bank.ts';
import { Registry } from '../machine/registry.ts';
import { type RestoreResult, restoreOs } from '../machine/restore-os.ts';
import { describeRestorePlan, planRestore } from '../machine/restore-plan.ts';
import { type Arrived, switchTo } from '../machine/travel.ts';
import type { Switchboard } from '../switchboard/switchboard.ts';
import type { Sys } from '../sys/sys.ts';
import { type BankOptions, bankPlaceOf, refuseBankOptions } from './bank-options.ts';
import { commandProgress } from './progress.ts';

export interface RestoreOptions extends BankOptions {
  slot?: string;
  check?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

export function addRestoreOptions(command: Command): Command {
  return command
    .option('--slot <number>', 'another slot than that of the snapshot; its memory must be there')
    .option('--check', 'read everything back and compare it before the OS can run');
}

/** What a restore came to, and how this OS came to run again where it was left for it. */
export interface RestoreOutcome {
  /** Null when this OS itself has come out of the bank. */
  readonly ok: RestoreResult | ReturnType<typeof describeRestorePlan> | null;
  readonly arrived: Arrived | null;
}

/** Restores in home, or has home do it; with `go` the restored OS is entered. */
export async function restoreAnywhere(
  sys: Sys,
  switchboard: Switchboard,
  { reference, go }: { reference: string; go: boolean },
  options: RestoreOptions,
): Promise<RestoreOutcome> {
  const slot = options.slot === undefined ? null : parseSlot(options.slot);
  const dryRun = options.dryRun === true;
  const check = options.check === true;
  if (switchboard.running().index !== 0) {
    refuseBankOptions(options);
    const asked = { kind: 'restore', reference, slot, check, go, dryRun } as const;
    const { arrived, ok } = await askHome(sys, switchboard, asked);
    return { ok: ok as RestoreOutcome['ok'], arrived };
  }
  const onProgress = commandProgress(options);
  const ok = await withBank({ ...bankPlaceOf(options), write: !dryRun }, async (bank) => {
    const snapshot = bank.find(reference);
    const plan = planRestore(sys, switchboard, new Registry(), snapshot, bank.unfinishedRestore(), { slot });
    if (dryRun) return describeRestorePlan(plan);
    return await restoreOs(sys, switchboard, bank, plan, { check, onProgress });
  });
  if (!go || !('generation' in ok)) return { ok, arrived: null };
  return { ok, arrived: await switchTo(sys, switchboard, ok.slot, { onProgress }) };
}

function parseSlot(text: string): number {
  const slot = Number(text);
  if (Number.isInteger(slot) && slot >= 1 && slot <= 15) return slot;
  throw new TorporError('E_USAGE', `“${text}” is no slot`, {
    facts: { text },
    hint: '`torpor status` lists them',
  });
}
