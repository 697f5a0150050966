import { TorporError } from '../../base/errors.ts';
import type { OnProgress } from '../../base/progress.ts';
import type { ImageSys } from '../../sys/image-sys.ts';
import type { Sys } from '../../sys/sys.ts';
import { type BankPlace, completeBankPlace } from '../bank-place.ts';
import type { ImageSession } from '../image/image-session.ts';
import { readOwnSystem } from '../image/own-system.ts';
import { previewRestore, type RestoreImagePreview } from '../image/plan-restore.ts';
import { discardWaiting, ownDisksRefused, stageRestore } from '../image/stage-restore.ts';
import { type ParkOsPlan, parkOs, planParkOs, type Resumed } from './park-os.ts';

/** How this OS will be parked, and what comes in its place with what stands against it. */
export interface SwitchToSnapshotPreview {
  readonly plan: ParkOsPlan;
  readonly snapshot: RestoreImagePreview;
}

/** Looks at all that switchToSnapshot() looks at, and touches nothing. Throws what planParkOs() throws, E_NO_SNAPSHOT. */
export async function previewSwitchToSnapshot(
  sys: Sys,
  image: ImageSys,
  bankPlace: BankPlace,
  reference: string,
): Promise<SwitchToSnapshotPreview> {
  const { bank } = readOwnSystem(sys, completeBankPlace(bankPlace).directory!);
  const plan = planParkOs(sys, image, { kind: 'restore', reference, bank: bank.mountPoint });
  const snapshot = await previewRestore(sys, bankPlace, { reference, atBoot: false });
  if (snapshot.isOtherOs) return { plan, snapshot };
  const { code, message, hint } = ownDisksRefused(reference);
  const obstacles = [{ code, message, hint: hint ?? '' }, ...snapshot.obstacles];
  return { plan, snapshot: { ...snapshot, obstacles } };
}

/**
 * Parks this OS and brings another one back from the bank. Returns when somebody has switched back to this one.
 * Until the other's disks are written nothing has changed; when that stops half-way this OS goes on, and the
 * same switch can be repeated. Throws what planParkOs(), stageRestore() and parkOs() throw.
 */
export async function switchToSnapshot(
  session: ImageSession,
  reference: string,
  onProgress?: OnProgress,
): Promise<Resumed> {
  const { sys, image, own } = session;
  const plan = planParkOs(sys, image, { kind: 'restore', reference, bank: own.bank.mountPoint });
  const staged = await stageRestore(session, reference, { atBoot: false, keepsThis: true, onProgress });
  try {
    return parkOs(sys, image, plan, staged);
  } catch (error) {
    discardWaiting(session, staged);
    throw explainUnfinished(error, reference);
  }
}

/** The disks that are half written are not this system's. */
function explainUnfinished(error: unknown, reference: string): unknown {
  if (!(error instanceof TorporError) || error.code !== 'E_RESTORE_UNFINISHED') return error;
  return new TorporError('E_RESTORE_UNFINISHED', error.message, {
    facts: error.facts,
    hint: `this OS goes on; repeat it: \`torpor switch ${reference}\``,
    cause: error,
  });
}
