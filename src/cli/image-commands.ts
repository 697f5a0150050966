import { TorporError } from '../base/errors.ts';
import { formatSize, parseSize } from '../base/units.ts';
import { requireNone } from '../machine/fences.ts';
import { warnOfStart } from '../machine/image/boot-program.ts';
import { openImageSession } from '../machine/image/image-session.ts';
import { previewRestore, type RestoreImagePreview } from '../machine/image/plan-restore.ts';
import { describePreview, previewSnapshot } from '../machine/image/plan-snapshot.ts';
import { restoreToImage } from '../machine/image/restore-to-image.ts';
import { type ImageOutcome, snapshotImage } from '../machine/image/snapshot-image.ts';
import { withMachineLock } from '../machine/lock.ts';
import { openLinuxImage } from '../sys/linux/image-sys.ts';
import type { Sys } from '../sys/sys.ts';
import { type BankOptions, bankPlaceOf } from './bank-options.ts';
import { print, printJson } from './output.ts';
import { commandProgress } from './progress.ts';

/** Options of the image engine, which saves and restores the whole running system. */
export interface ImageCommandOptions extends BankOptions {
  staging?: string;
  stagingSize?: string;
  tag?: string;
  note?: string;
  check?: boolean;
  atBoot?: boolean;
  json?: boolean;
}

/** `torpor snapshot` where no memory is kept for other OSes. */
export async function snapshotThisSystem(
  sys: Sys,
  os: string | undefined,
  options: ImageCommandOptions & { dryRun?: boolean },
): Promise<void> {
  const wish = {
    os: os ?? null,
    tag: options.tag ?? null,
    note: options.note ?? '',
    check: options.check === true,
  };
  if (options.dryRun === true) {
    const preview = await previewSnapshot(sys, openLinuxImage(), imageOptions(options), wish);
    if (options.json === true) printJson(preview);
    else for (const line of describePreview(preview)) print(line);
    return requireNone(preview.obstacles, preview.reference, 'taken');
  }
  const outcome = await withMachineLock(() => {
    const session = openImageSession(sys, openLinuxImage(), imageOptions(options));
    return snapshotImage(session, wish, commandProgress(options));
  });
  if (options.json === true) printJson(outcome);
  else printOutcome(outcome);
}

/** `torpor restore` where no memory is kept for other OSes; returns only with `--at-boot`. */
export async function restoreThisSystem(
  sys: Sys,
  reference: string,
  options: ImageCommandOptions & { dryRun?: boolean },
): Promise<void> {
  const atBoot = options.atBoot === true;
  if (options.dryRun === true) {
    const preview = await previewRestore(sys, bankPlaceOf(options), { reference, atBoot });
    if (options.json === true) printJson(preview);
    else printPreview(preview);
    return requireNone(preview.obstacles, preview.reference);
  }
  const pending = await withMachineLock(() => {
    const session = openImageSession(sys, openLinuxImage(), imageOptions(options));
    return restoreToImage(session, reference, {
      atBoot,
      onProgress: commandProgress(options),
    });
  });
  const warnings = warnOfStart(sys);
  if (options.json === true) return printJson({ ...pending, warnings });
  for (const warning of warnings) print(`note: ${warning}`);
  print(`${pending.reference} comes back at the next start of the machine`);
}

function imageOptions(options: ImageCommandOptions) {
  return {
    ...bankPlaceOf(options),
    staging: options.staging,
    stagingBytes: options.stagingSize === undefined ? undefined : parseSize(options.stagingSize),
  };
}

function printOutcome(outcome: ImageOutcome): void {
  for (const warning of outcome.warnings) print(`note: ${warning}`);
  if (outcome.outcome === 'restored') {
    print(`this system is back from ${outcome.reference}; restore number ${outcome.generation} of it`);
    return;
  }
  const { saved, pausedMs, stagesMs } = outcome;
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  const size = (bytes: number): string => formatSize(Math.round(bytes));
  print(`${saved.reference} is in the bank (${saved.id.slice(0, 12)}), after ${seconds(saved.totalMs)}`);
  print(
    `  ${size(saved.newBytes)} new, ${size(saved.sharedBytes)} in the bank before, ${size(saved.zeroBytes)} zero`,
  );
  const stages = Object.entries(stagesMs).map(([name, ms]) => `${name} ${seconds(ms ?? 0)}`);
  print(`  this system stood still for ${seconds(pausedMs)} (${stages.join(', ')})`);
}

function printPreview({
  reference,
  created,
  kernel,
  memoryBytes,
  isOtherOs,
  ...plan
}: RestoreImagePreview): void {
  print(
    `would replace this system by ${reference} of ${created} (Linux ${kernel}, ${formatSize(memoryBytes)} of memory)`,
  );
  if (isOtherOs) print('  it has none of the disks of this one, which stay as they are');
  for (const { name, path, sizeBytes } of plan.disks)
    print(`  disk ${name}: ${path || 'not there'}, ${formatSize(sizeBytes)}`);
  for (const stage of plan.stages) print(`  ${stage}`);
  for (const { message } of plan.obstacles) print(`  cannot: ${message}`);
}

/** Options that only the resident engine has. Throws E_USAGE. */
export function refuseResidentOptions(options: object, names: readonly string[]): void {
  const given = names.find((name) => Object.hasOwn(options, name));
  if (given === undefined) return;
  throw new TorporError(
    'E_USAGE',
    `--${given.replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)} needs a machine with a memory plan`,
    {
      hint: 'this system is saved and restored as a whole; `torpor plan` makes room for others',
    },
  );
}
