import { Command } from 'commander';
import { TorporError } from '../../base/errors.ts';
import { formatSize } from '../../base/units.ts';
import { askHome, type HomeAnswer } from '../../machine/ask-home.ts';
import { withMachineLock } from '../../machine/lock.ts';
import { withBank } from '../../machine/open-bank.ts';
import { planAtRest } from '../../machine/plan-at-rest.ts';
import { Registry } from '../../machine/registry.ts';
import {
  describeSnapshotPlan,
  planSnapshot,
  type SnapshotResult,
  snapshotOs,
} from '../../machine/snapshot-os.ts';
import { hasPlan, openSwitchboard } from '../../machine/this-os.ts';
import type { Switchboard } from '../../switchboard/switchboard.ts';
import { openLinux } from '../../sys/linux.ts';
import type { Sys } from '../../sys/sys.ts';
import { addBankOptions, type BankOptions, bankPlaceOf, refuseBankOptions } from '../bank-options.ts';
import { print, printJson } from '../output.ts';
import { printRestored, printWarnings } from '../print-arrival.ts';
import { commandProgress } from '../progress.ts';

interface Options extends BankOptions {
  tag?: string;
  note?: string;
  dryRun?: boolean;
  asIs?: boolean;
  json?: boolean;
  staging?: string;
  stagingSize?: string;
  check?: boolean;
}

/** A plan's or a save's JSON, as home gives it. */
type Plan = ReturnType<typeof describeSnapshotPlan>;
interface Reply {
  readonly ok: Plan | SnapshotResult;
  /** How long this OS stood still for it; null when it did not. */
  readonly pauseMs: number | null;
}

export function snapshotCommand(): Command {
  const command = new Command('torpor snapshot')
    .description('save an OS, memory and disks, as OS@TAG in the bank; without a name, this one')
    .argument('[os]', 'a resident OS')
    .option('--tag <name>', 'what the snapshot is called; default: the time')
    .option('--note <text>', 'for people', '');
  return addBankOptions(command)
    .option('--as-is', 'do not have it bring its filesystems to rest; all blocks of its disks are read then')
    .option('--dry-run', 'check everything, print what would be saved, save nothing')
    .option(
      '--staging <disk>',
      'without a memory plan: a partition to write to while the system stands still',
    )
    .option('--staging-size <size>', 'its size where it is a file beside the bank, the default')
    .option('--check', 'without a memory plan: compare all copies with the disks before the system goes on')
    .option('--json', 'print JSON')
    .action(async (name: string | undefined, options: Options) => {
      const sys = openLinux();
      if (!hasPlan(sys)) {
        const { refuseResidentOptions, snapshotThisSystem } = await import('../image-commands.ts');
        refuseResidentOptions(options, ['asIs']);
        return await snapshotThisSystem(sys, name, options);
      }
      refuseImageOptions(options);
      const switchboard = openSwitchboard(sys);
      const self = switchboard.running();
      const os = name ?? self.name;
      const reply = await withMachineLock(() =>
        self.index === 0
          ? saveHere(sys, switchboard, os, options)
          : saveThroughHome(sys, switchboard, os, options),
      );
      if (reply !== null) printReply(reply, options);
    });
}

/** Throws E_USAGE. */
function refuseImageOptions(options: Options): void {
  for (const [key, flag] of [
    ['staging', '--staging'],
    ['stagingSize', '--staging-size'],
    ['check', '--check'],
  ] as const) {
    if (options[key] === undefined) continue;
    throw new TorporError('E_USAGE', `${flag} is for machines without a memory plan`, {
      hint: 'leave it out: nothing is staged here, and pages are compared when they are restored (`torpor restore --check`)',
    });
  }
}

async function saveHere(sys: Sys, switchboard: Switchboard, os: string, options: Options): Promise<Reply> {
  const wish = { os, tag: options.tag ?? null, note: options.note ?? '' };
  const registry = new Registry();
  if (options.dryRun === true) {
    const plan = planSnapshot(sys, switchboard, registry, wish);
    plan.close();
    return { ok: describeSnapshotPlan(plan), pauseMs: null };
  }
  const place = { ...bankPlaceOf(options), write: true };
  return await withBank(place, async (bank) => {
    const plan =
      options.asIs === true
        ? planSnapshot(sys, switchboard, registry, wish)
        : planAtRest(sys, switchboard, registry, bank, wish);
    try {
      return { ok: await snapshotOs(switchboard, bank, plan, commandProgress(options)), pauseMs: null };
    } finally {
      plan.close();
    }
  });
}

/** Null when this OS has come out of the bank: then somebody else asked, at another time. */
async function saveThroughHome(
  sys: Sys,
  switchboard: Switchboard,
  os: string,
  options: Options,
): Promise<Reply | null> {
  refuseBankOptions(options);
  const answer: HomeAnswer = await askHome(sys, switchboard, {
    kind: 'snapshot',
    os,
    tag: options.tag ?? null,
    note: options.note ?? '',
    dryRun: options.dryRun === true,
    asIs: options.asIs === true,
  });
  printWarnings(answer.arrived);
  if (answer.ok !== null) return { ok: answer.ok as unknown as Reply['ok'], pauseMs: answer.arrived.awayMs };
  printRestored(answer.arrived, options.json === true);
  return null;
}

function printReply({ ok, pauseMs }: Reply, options: Options): void {
  if (options.json === true) {
    printJson({ ...ok, pauseMs });
    return;
  }
  if (!('reference' in ok)) {
    printPlan(ok);
    return;
  }
  const size = (bytes: number): string => formatSize(Math.round(bytes));
  print(`${ok.reference} is in the bank (${ok.id.slice(0, 12)}), after ${seconds(ok.totalMs)}`);
  print(
    `  ${size(ok.readBytes)} read: ${size(ok.newBytes)} new, ${size(ok.sharedBytes)} in the bank before, ${size(ok.zeroBytes)} zero`,
  );
  print(`  ${size(ok.freeBytes)} free and not read; the bank grew by ${size(ok.storedBytes)}`);
  for (const doubt of ok.doubts) print(`  note: ${doubt}`);
  if (pauseMs !== null) print(`  this OS stood still for ${seconds(pauseMs)}`);
}

function printPlan(plan: Plan): void {
  print(`would save “${plan.os}” (Linux ${plan.kernel}) as ${plan.os}@${plan.tag}`);
  for (const { kind, name, sizeBytes } of plan.regions) {
    print(`  ${kind === 'disk' ? `disk ${name}` : name}: ${formatSize(sizeBytes)}`);
  }
  for (const disk of plan.disks.filter(({ shared }) => shared)) print(`  not the shared disk ${disk.name}`);
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
