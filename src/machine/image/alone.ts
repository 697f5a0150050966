import { isErrorCode } from '../../base/error-codes.ts';
import { TorporError } from '../../base/errors.ts';
import type { OnProgress } from '../../base/progress.ts';
import { type ParkPlan, type ParkResult, parkImage } from '../../engine/image/park-image.ts';
import { type RestoreImagePlan, restoreImage } from '../../engine/image/restore-image.ts';
import { StagingArea } from '../../engine/image/staging-area.ts';
import { type TakePlan, type TakeResult, takeImage } from '../../engine/image/take-image.ts';
import type { ImageSys } from '../../sys/image-sys.ts';

/** What the process that holds the freeze is asked for on its standard input. */
type Task =
  | { readonly kind: 'take'; readonly plan: TakePlan; readonly isWatched?: boolean }
  | { readonly kind: 'restore'; readonly plan: RestoreImagePlan }
  | ParkTask;
interface ParkTask {
  readonly kind: 'park';
  readonly plan: ParkPlan;
}

/** Its only output, written when everything runs again. */
type Answer = { readonly ok: TakeResult | ParkResult } | { readonly error: object };

/** The command of this program that {@link askAlone} starts; not for people. */
export const ALONE_COMMAND = 'hold-freeze';

/** The other end of {@link askAlone}: carries out the task and says what came of it. Never throws. Only what runs before the freeze has progress. */
export function answerAlone(image: ImageSys, input: string, onProgress?: OnProgress): string {
  try {
    const task = JSON.parse(input) as Task;
    return JSON.stringify({ ok: perform(image, task, onProgress) } satisfies Answer);
  } catch (error) {
    const known = error instanceof TorporError ? error : new TorporError('E_SYSCALL', String(error));
    return JSON.stringify({ error: known.toJSON() } satisfies Answer);
  }
}

function perform(image: ImageSys, task: Task, onProgress?: OnProgress): TakeResult | ParkResult {
  switch (task.kind) {
    case 'take':
      return takeImage(image, task.plan, task.isWatched === true ? onProgress : undefined);
    case 'restore':
      return restoreImage(image, task.plan);
    case 'park':
      return parkImage(image, task.plan);
  }
}

/**
 * Has a process that runs alone carry out a task. While it does, this process is frozen with all others.
 * Throws what the task threw.
 */
export function askAlone(image: ImageSys, task: ParkTask): ParkResult;
export function askAlone(image: ImageSys, task: Task): TakeResult;
export function askAlone(image: ImageSys, task: Task): TakeResult | ParkResult {
  const { output, failure } = image.runAlone([ALONE_COMMAND], JSON.stringify(task));
  let answer: Answer | null = null;
  try {
    answer = JSON.parse(output) as Answer;
  } catch {
    // It ended before it could say anything.
  }
  if (answer !== null && 'ok' in answer) return answer.ok;
  const code = answer === null ? '' : String((answer.error as { code?: unknown }).code);
  // Whatever it had frozen by itself is thawed by its end, but not filesystems. SAFETY: once disks may be
  // another system's, they stay frozen.
  // A system that parks has none of the disks that a restore writes.
  if (task.kind === 'park') discardParked(image, task.plan);
  const mayThaw = task.kind !== 'restore' || (answer !== null && code !== 'E_RESTORE_UNFINISHED');
  if (mayThaw) for (const place of task.plan.filesystems) thawQuietly(image, place);
  if (answer === null) {
    throw new TorporError('E_SYSCALL', `the process that held the system failed: ${failure ?? 'no answer'}`, {
      facts: { call: ALONE_COMMAND, errno: failure ?? 'none' },
    });
  }
  const { message, facts, hint } = answer.error as {
    message: string;
    facts: TorporError['facts'];
    hint: string | null;
  };
  throw new TorporError(isErrorCode(code) ? code : 'E_SYSCALL', message, {
    facts,
    ...(hint === null ? {} : { hint }),
  });
}

/** SAFETY: a system whose filesystems are about to thaw is parked no longer, also when its holder was ended. */
function discardParked(image: ImageSys, { staging, id }: ParkPlan): void {
  try {
    const area = new StagingArea(image, staging);
    if (area.readHeader()?.id === id) area.discard();
    area.close();
  } catch {
    // It is stale all the same: the thaw changes the disks.
  }
}

function thawQuietly(image: ImageSys, place: string): void {
  try {
    image.thawFilesystem(place);
  } catch {
    // It was not frozen.
  }
}
