import { PAGE_BYTES } from '../../base/units.ts';
import { checkLoader, readLoader } from '../../engine/image/loader.ts';
import type { Sys } from '../../sys/sys.ts';
import { type BankPlace, completeBankPlace } from '../bank-place.ts';
import { collectObstacles } from '../collect-obstacles.ts';
import type { Obstacle } from '../fences.ts';
import { withBank } from '../open-bank.ts';
import { osOf } from '../reference.ts';
import { checkSnapshot, findDisks, requireMemory } from './check-restorable.ts';
import { readOwnSystem, requireSnapshotDevice } from './own-system.ts';
import { readRuns } from './stage-snapshot.ts';
import { readStagingPlace } from './staging-place.ts';

/** What a restore would do, and what stands against it. */
export interface RestoreImagePreview {
  readonly reference: string;
  readonly created: string;
  readonly kernel: string;
  /** The system that would be replaced has none of the snapshot's disks: they stay as they are frozen. */
  readonly isOtherOs: boolean;
  readonly memoryBytes: number;
  readonly disks: readonly { readonly name: string; readonly path: string; readonly sizeBytes: number }[];
  readonly stages: readonly string[];
  readonly obstacles: readonly Obstacle[];
}

/** Looks at everything that a restore in the running system looks at, and touches nothing. Throws E_NO_SNAPSHOT and what has no obstacle. */
export async function previewRestore(
  sys: Sys,
  bankPlace: BankPlace,
  { reference, atBoot }: { readonly reference: string; readonly atBoot: boolean },
): Promise<RestoreImagePreview> {
  requireSnapshotDevice(sys);
  const own = readOwnSystem(sys, completeBankPlace(bankPlace).directory!);
  return await withBank(bankPlace, (bank) => {
    const snapshot = bank.find(reference);
    const { description } = snapshot;
    const { obstacles, attempt } = collectObstacles();
    const loader = readLoader(sys);
    const kernel = attempt(() => checkSnapshot(sys, snapshot));
    if (kernel !== null && !atBoot) attempt(() => checkLoader(kernel, loader));
    const found = attempt(() => findDisks(sys, snapshot)) ?? [];
    const memory = description.regions.find(({ kind }) => kind === 'memory');
    const runs = memory === undefined ? null : readRuns(bank, snapshot, memory);
    const memoryPages = runs === null ? 0 : runs.stored + runs.zeros;
    if (!atBoot) attempt(() => requireMemory(memoryPages, loader, snapshot.reference));
    const staging = readStagingPlace(sys);
    const isOtherOs = !found.some(({ path }) => own.disks.some((disk) => disk.path === path));
    const stages = [
      `stage ${snapshot.reference} on ${staging?.device ?? own.bank.disk.path}`,
      ...(atBoot
        ? ['leave the rest to the next start of the machine']
        : [
            `unmount ${own.bank.mountPoint}`,
            'load the image',
            'freeze all programs',
            ...own.filesystems.map(({ mountPoint }) => `freeze ${mountPoint}`),
          ]),
      ...found.map(({ name }) => `write disk ${name}`),
      `go on in ${osOf(snapshot)}`,
    ];
    const disks = description.disks.map(({ name, sizeBytes }) => {
      return { name, sizeBytes, path: found.find((disk) => disk.name === name)?.path ?? '' };
    });
    return {
      reference: snapshot.reference,
      created: new Date(description.createdMs).toISOString(),
      kernel: description.kernel.release,
      isOtherOs,
      memoryBytes: memoryPages * PAGE_BYTES,
      disks,
      stages,
      obstacles,
    };
  });
}
