import { hostname } from 'node:os';
import type { Saved } from '../../bank/snapshot.ts';
import { TorporError } from '../../base/errors.ts';
import type { OnProgress } from '../../base/progress.ts';
import type { StagingPlace } from '../../engine/image/staging-area.ts';
import type { StagingHeader } from '../../engine/image/staging-layout.ts';
import { type TakeResult, takeImage } from '../../engine/image/take-image.ts';
import type { Sys } from '../../sys/sys.ts';
import { runHooks } from '../hooks.ts';
import { withBank } from '../open-bank.ts';
import { osOf } from '../reference.ts';
import { checkTag, defaultTag } from '../snapshot-os.ts';
import { drainStaging } from './drain.ts';
import { explainImageFailure, markLog } from './explain.ts';
import { readImageFacts } from './image-facts.ts';
import {
  arrivalPlaces,
  bankMount,
  explainBusyBank,
  type ImageSession,
  newId,
  withoutBank,
  withStaging,
} from './image-session.ts';
import { withLargeImage } from './large-image.ts';

/** What is to be saved, and what the snapshot will be called. */
export interface ImageWish {
  /** Null: the host name. */
  readonly os: string | null;
  /** Null: the time, such as `20260214-093000` (UTC). */
  readonly tag: string | null;
  readonly note: string;
  /** Compare what was copied of the disks with them, before the system goes on. */
  readonly check?: boolean;
}

/** What `torpor snapshot` came to, in the one or the other of the two systems that return from it. */
export type ImageOutcome =
  | {
      readonly outcome: 'saved';
      readonly saved: Saved;
      readonly pausedMs: number;
      readonly stagesMs: TakeResult['stagesMs'];
      /** What hooks had to complain about. */
      readonly warnings: readonly string[];
    }
  | {
      readonly outcome: 'restored';
      readonly reference: string;
      /** How often that snapshot was restored, with this time. */
      readonly generation: number;
      /** Wall-clock time since the snapshot. */
      readonly awayMs: number;
      readonly warnings: readonly string[];
    };

/**
 * Saves the running system into its bank: stages its disks, freezes it, stages its image and what has changed on the
 * disks, goes on, and puts all of it into the bank then. Returns a second time, `restored`, when the system has come back from that snapshot.
 */
export async function snapshotImage(
  session: ImageSession,
  wish: ImageWish,
  onProgress?: OnProgress,
): Promise<ImageOutcome> {
  const { sys, image, own, bankPlace } = session;
  await finishStaged(session, onProgress);
  const { os, tag, reference } = nameSnapshot(sys, wish);
  await withBank(bankPlace, async (bank) => bank.requireNew(reference));
  // Found out before disks are copied, which takes its time.
  withoutBank(session, () => {});
  const givenUp = checkWaiting(session);
  const facts = readImageFacts(sys, { os, tag, note: wish.note });
  const id = newId();
  const mark = markLog(sys, id);
  const plan = {
    staging: session.staging,
    bank: bankMount(own),
    id,
    createdMs: facts.createdMs,
    reference,
    filesystems: own.filesystems.map(({ mountPoint }) => mountPoint),
    disks: own.disks,
    isChecked: wish.check === true,
    facts: JSON.stringify(facts),
  };
  const parked = runHooks(sys, 'pre-park', { TORPOR_OS: os, TORPOR_TO: os });
  let result: TakeResult;
  try {
    image.releaseMemory();
    result = withLargeImage(sys, image, () => takeImage(image, plan, onProgress));
  } catch (error) {
    throw explainImageFailure(sys, explainBusyBank(own, error), mark);
  }
  if (result.outcome === 'restored') return welcomeBack(session, reference, facts.createdMs, parked);
  const seconds = String(Math.round(result.pausedMs / 1000));
  const resumed = { TORPOR_OS: os, TORPOR_FROM: os, TORPOR_AWAY_SECONDS: seconds };
  const inPause =
    result.notAhead === null ? [] : [`all of the disks was copied in the pause: ${result.notAhead}`];
  const warnings = [...givenUp, ...parked, ...inPause, ...runHooks(sys, 'post-resume', resumed)];
  const saved = await withStaging(session, async (area) => {
    const header = area.readHeader();
    if (header === null || header.id !== id) throw new Error('the staged image is gone');
    const { pausedMs } = result;
    return await withBank({ ...bankPlace, write: true }, (bank) =>
      drainStaging(bank, area, header, Math.round(pausedMs), onProgress),
    );
  });
  return { outcome: 'saved', saved, pausedMs: result.pausedMs, stagesMs: result.stagesMs, warnings };
}

/** A restore that waits where the snapshot will be staged. Returns what is to be said of it. Throws E_RESTORE_UNFINISHED. */
function checkWaiting(session: ImageSession): string[] {
  return judgeWaiting(
    withStaging(session, (area) => area.readHeader()),
    session.staging,
  );
}

/** The same of a header that was read. */
export function judgeWaiting(header: StagingHeader | null, { device }: StagingPlace): string[] {
  if (header?.state === 'pending')
    return [
      `the restore of ${header.reference}, which waited for the next start of the machine, is given up`,
    ];
  if (header?.state !== 'begun') return [];
  const { reference } = header;
  throw new TorporError(
    'E_RESTORE_UNFINISHED',
    `a restore of ${reference} has stopped in the middle of its disks`,
    {
      facts: { reference, device },
      hint: `repeat it first: \`torpor restore ${reference}\``,
    },
  );
}

/** What the snapshot will be called. Throws E_USAGE. */
export function nameSnapshot(sys: Sys, wish: ImageWish): { os: string; tag: string; reference: string } {
  const os = wish.os ?? hostname();
  const tag = checkTag(wish.tag ?? defaultTag(Math.round(sys.realtimeMs())));
  return { os, tag, reference: `${os}@${tag}` };
}

/** An image that a power cut left staged is put into the bank first. Null when there was none. */
export async function finishStaged(session: ImageSession, onProgress?: OnProgress): Promise<Saved | null> {
  return await withStaging(session, async (area) => {
    const header = area.readHeader();
    if (header?.state !== 'taken') return null;
    return await withBank({ ...session.bankPlace, write: true }, async (bank) => {
      // It may have been saved, and only the area not emptied.
      if (bank.snapshots().some((entry) => entry.reference === header.reference)) {
        area.discard();
        return null;
      }
      return await drainStaging(bank, area, header, null, onProgress);
    });
  });
}

/** The first thing that the system does when it has come back. */
function welcomeBack(
  session: ImageSession,
  from: string,
  createdMs: number,
  parked: readonly string[],
): ImageOutcome {
  const { sys } = session;
  const os = osOf({ reference: from });
  const { reference, generation } = readArrival(session, from);
  const awayMs = Math.max(0, Math.round(sys.realtimeMs()) - createdMs);
  const resumed = {
    TORPOR_OS: os,
    TORPOR_FROM: os,
    TORPOR_AWAY_SECONDS: String(Math.round(awayMs / 1000)),
  };
  const restored = { ...resumed, TORPOR_SNAPSHOT: reference, TORPOR_GENERATION: String(generation) };
  const warnings = [
    ...parked,
    ...runHooks(sys, 'post-resume', resumed),
    ...runHooks(sys, 'post-restore', restored),
  ];
  return { outcome: 'restored', reference, generation, awayMs, warnings };
}

/** What was restored, read from where it was staged, which is empty then. */
function readArrival(session: ImageSession, reference: string): StagingHeader {
  const found = arrivalPlaces(session).flatMap((staging) => {
    const header = withStaging({ ...session, staging }, (area) => area.readHeader());
    return header === null || header.state === 'taken' ? [] : [{ staging, header }];
  });
  // Another restore may wait in this system's own place.
  const arrival = found.find(({ header }) => header.reference === reference) ?? found[0];
  if (arrival === undefined) throw new Error('nobody knows which snapshot this is');
  session.sys.reseedRandom(arrival.header.seed);
  withStaging({ ...session, staging: arrival.staging }, (area) => area.discard());
  return arrival.header;
}
