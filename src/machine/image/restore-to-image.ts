import type { OnProgress } from '../../base/progress.ts';
import { restoreImage } from '../../engine/image/restore-image.ts';
import { explainImageFailure, markLog } from './explain.ts';
import { type ImageSession, withoutBank } from './image-session.ts';
import { discardWaiting, stageRestore } from './stage-restore.ts';
import type { PendingRestore } from './stage-snapshot.ts';

/**
 * Replaces the running system by a snapshot: stages it, then has the kernel do it. Returns only with
 * `atBoot`, when the staged image waits for the next start. Throws what stageRestore() throws,
 * E_FREEZE_REFUSED, E_RESTORE_UNFINISHED.
 */
export async function restoreToImage(
  session: ImageSession,
  reference: string,
  options: { readonly atBoot: boolean; readonly onProgress?: OnProgress },
): Promise<PendingRestore> {
  const { sys, image, own } = session;
  const staged = await stageRestore(session, reference, options);
  const { staging, id, disks } = staged;
  if (options.atBoot) return { reference: staged.reference, generation: staged.generation };
  const mark = markLog(sys, id);
  const plan = { staging, id, filesystems: own.filesystems.map(({ mountPoint }) => mountPoint), disks };
  try {
    image.releaseMemory();
    withoutBank(session, () => restoreImage(image, plan));
  } catch (error) {
    discardWaiting(session, staged);
    throw explainImageFailure(sys, error, mark);
  }
  throw new Error('a restore that returns');
}
