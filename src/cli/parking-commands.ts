import { TorporError } from '../base/errors.ts';
import { formatSize } from '../base/units.ts';
import { requireNone } from '../machine/fences.ts';
import { warnOfStart } from '../machine/image/boot-program.ts';
import { openImageSession } from '../machine/image/image-session.ts';
import type { RestoreImagePreview } from '../machine/image/plan-restore.ts';
import { withMachineLock } from '../machine/lock.ts';
import { describeParkPlan } from '../machine/parking/describe-park.ts';
import {
  type ParkOsPlan,
  type ParkWish,
  parkOs,
  planParkOs,
  type Resumed,
} from '../machine/parking/park-os.ts';
import { requireResumable } from '../machine/parking/plan-resume.ts';
import { previewSwitchToSnapshot, switchToSnapshot } from '../machine/parking/switch-to-snapshot.ts';
import { isReference } from '../machine/reference.ts';
import { hasPlan, requireRoot } from '../machine/this-os.ts';
import type { ImageSys } from '../sys/image-sys.ts';
import { openLinuxImage } from '../sys/linux/image-sys.ts';
import { openLinux } from '../sys/linux.ts';
import type { Sys } from '../sys/sys.ts';
import { type BankOptions, bankPlaceOf } from './bank-options.ts';
import { refuseResidentOptions } from './image-commands.ts';
import { print, printJson } from './output.ts';
import { commandProgress } from './progress.ts';

interface Options extends BankOptions {
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** `torpor switch` where no memory is kept for other OSes. */
export async function switchToParked(os: string, options: Options): Promise<void> {
  refuseResidentOptions(options, ['slot', 'check']);
  if (isReference(os)) return await switchToBank(os, options);
  await parkThisOs({ kind: 'resume', os }, options);
}

/** `torpor switch OS@TAG`: this OS is parked, the other one comes out of the bank. */
async function switchToBank(reference: string, options: Options): Promise<void> {
  const [sys, image] = openWithoutPlan();
  const place = bankPlaceOf(options);
  if (options.dryRun === true) {
    const { plan, snapshot } = await previewSwitchToSnapshot(sys, image, place, reference);
    if (options.json === true) printJson({ ...describeParkPlan(plan), snapshot });
    else {
      printPlan(plan);
      printTarget(snapshot);
    }
    return requireNone(snapshot.obstacles, snapshot.reference);
  }
  const resumed = await withMachineLock(() =>
    switchToSnapshot(openImageSession(sys, image, place), reference, commandProgress(options)),
  );
  if (options.json === true) printJson(resumed);
  else printResumed(resumed);
}

/** `torpor park`, and a switch. */
export async function parkThisOs(wish: ParkWish, options: Options): Promise<void> {
  const [sys, image] = openWithoutPlan();
  if (options.dryRun === true) {
    const plan = planParkOs(sys, image, wish);
    if (options.json === true) printJson(describeParkPlan(plan));
    else printPlan(plan);
    if (plan.target !== null) requireResumable(plan.target);
    return;
  }
  // It cannot be said later.
  if (wish.kind !== 'resume')
    for (const warning of warnOfStart(sys)) process.stderr.write(`torpor: ${warning}\n`);
  const resumed = await withMachineLock(() => parkOs(sys, image, planParkOs(sys, image, wish)));
  if (options.json === true) printJson(resumed);
  else printResumed(resumed);
}

/** Throws E_NOT_ROOT, E_USAGE. */
function openWithoutPlan(): [Sys, ImageSys] {
  const sys = openLinux();
  requireRoot(sys);
  if (!hasPlan(sys)) return [sys, openLinuxImage()];
  throw new TorporError('E_USAGE', 'this machine keeps OSes in its memory', {
    hint: '`torpor switch OS` parks this one there; `torpor snapshot` saves it',
  });
}

function printPlan(plan: ParkOsPlan): void {
  const { own, target, area, wish } = plan;
  for (const { mountPoint } of own.shared) print(`would unmount ${mountPoint}, which other OSes mount too`);
  print(`would freeze all programs and ${own.frozen.map(({ mountPoint }) => mountPoint).join(', ')}`);
  print(`would store “${own.os}” in slot ${own.slot} of ${area.device}`);
  for (const { name, path, kind } of own.disks)
    print(`  its disk ${name} (${path}) stays as it is (fence: ${kind})`);
  if (wish.kind === 'off') print('would turn the machine off');
  if (wish.kind === 'restart') print('would start the machine anew');
  if (target === null) return;
  const { parked, disks, obstacles } = target;
  const size = formatSize(parked.image.dataPages * 4096);
  print(
    `would load “${parked.os}” (Linux ${parked.facts.kernel.release}, ${size}) from slot ${parked.slot} and go on there`,
  );
  for (const { name, path } of disks) print(`  its disk ${name} (${path}) is as it was`);
  for (const { message } of obstacles) print(`  cannot: ${message}`);
}

function printTarget({
  reference,
  created,
  kernel,
  memoryBytes,
  disks,
  obstacles,
}: RestoreImagePreview): void {
  const size = formatSize(memoryBytes);
  print(`would load ${reference} of ${created} (Linux ${kernel}, ${size}) from the bank and go on there`);
  for (const { name, path } of disks)
    print(`  its disk ${name} (${path || 'not there'}) becomes what it was`);
  for (const { message } of obstacles) print(`  cannot: ${message}`);
}

function printResumed({ os, from, awayMs, switchMs, stagesMs, warnings }: Resumed): void {
  for (const warning of warnings) print(`note: ${warning}`);
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  const away = `after ${Math.round(awayMs / 1000)} s`;
  if (from === null || switchMs === null) {
    print(`“${os}” goes on ${away}`);
    return;
  }
  const stages = Object.entries(stagesMs).map(([name, ms]) => `${name} ${seconds(ms)}`);
  print(
    `“${os}” goes on ${away}; the switch from “${from}” took ${seconds(switchMs)} (${stages.join(', ')})`,
  );
}
