import { formatSize } from '../../base/units.ts';
import { StagingArea, type StagingPlace } from '../../engine/image/staging-area.ts';
import type { ImageSys } from '../../sys/image-sys.ts';
import type { Sys } from '../../sys/sys.ts';
import { completeBankPlace } from '../bank-place.ts';
import { collectObstacles } from '../collect-obstacles.ts';
import type { Obstacle } from '../fences.ts';
import { withBank } from '../open-bank.ts';
import { type ImageOptions, usedDiskBytes } from './image-session.ts';
import { type OwnSystem, readOwnSystem, requireSnapshotDevice } from './own-system.ts';
import { type ImageWish, judgeWaiting, nameSnapshot } from './snapshot-image.ts';
import { checkStagingDisk, estimateStaging, readStagingPlace, sizeOfPlace } from './staging-place.ts';

/** What a snapshot would do, and what stands against it. */
export interface SnapshotImagePreview {
  readonly reference: string;
  readonly kernel: string;
  /** In use now; what can be dropped quickly is not in the image. */
  readonly memoryBytes: number;
  readonly disks: readonly { readonly name: string; readonly path: string }[];
  readonly staging: {
    readonly device: string;
    /** Null: a file beside the bank that is made for it. */
    readonly sizeBytes: number | null;
    /** What this system can need. */
    readonly neededBytes: number;
  };
  readonly stages: readonly string[];
  readonly warnings: readonly string[];
  readonly obstacles: readonly Obstacle[];
}

/**
 * Looks at everything that a snapshot of the running system looks at, and touches nothing. Throws
 * E_NO_SNAPSHOT_DEVICE, E_BANK_PLACE, E_SWAP_IN_USE, and what opening the bank throws.
 */
export async function previewSnapshot(
  sys: Sys,
  image: ImageSys,
  options: ImageOptions,
  wish: ImageWish,
): Promise<SnapshotImagePreview> {
  requireSnapshotDevice(sys);
  const own = readOwnSystem(sys, completeBankPlace(options).directory!);
  const { reference } = nameSnapshot(sys, wish);
  const { obstacles, attempt } = collectObstacles();
  const place = attempt(() => lookForStaging(sys, image, own, options));
  const header = place === null ? null : attempt(() => readHeader(image, place));
  const isStaged = header?.state === 'taken';
  const warnings = place === null ? [] : (attempt(() => judgeWaiting(header, place)) ?? []);
  await withBank(options, async (bank) => attempt(() => bank.requireNew(reference)));
  const device = place?.device ?? own.bank.disk.path;
  return {
    reference,
    kernel: sys.kernelRelease(),
    memoryBytes: usedMemory(sys),
    disks: own.disks,
    staging: {
      device,
      sizeBytes: place === null ? null : sizeOfPlace(place),
      neededBytes: options.stagingBytes ?? estimateStaging(sys, usedDiskBytes(own)),
    },
    stages: [
      ...(isStaged ? [`put ${header.reference} into the bank, which a power cut has left on ${device}`] : []),
      ...own.disks.map(({ name }) => `copy disk ${name} to ${device}, while everything runs`),
      `unmount ${own.bank.mountPoint}`,
      'freeze all programs',
      ...own.filesystems.toReversed().map(({ mountPoint }) => `freeze ${mountPoint}`),
      'have the kernel make its image',
      `write it to ${device}`,
      ...own.disks.map(({ name }) => `write there what has changed on disk ${name}`),
      'go on',
      `put ${reference} into the bank`,
    ],
    warnings,
    obstacles,
  };
}

/** Where it would be staged; null: in a file that is made for it. As openImageSession() chooses. */
function lookForStaging(
  sys: Sys,
  image: ImageSys,
  own: OwnSystem,
  options: ImageOptions,
): StagingPlace | null {
  const known = readStagingPlace(sys);
  if (known !== null && readHeader(image, known) !== null) return known;
  if (options.staging !== undefined) return checkStagingDisk(sys, image, options.staging);
  const isFile = known === null || known.device === own.bank.disk.path || options.stagingBytes !== undefined;
  return isFile ? null : known;
}

function readHeader(image: ImageSys, place: StagingPlace) {
  const area = new StagingArea(image, place, 'read');
  try {
    return area.readHeader();
  } finally {
    area.close();
  }
}

function usedMemory(sys: Sys): number {
  const text = sys.readTextFile('/proc/meminfo') ?? '';
  const bytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024;
  return Math.max(0, bytes('MemTotal') - bytes('MemAvailable'));
}

/** For people. */
export function describePreview({ staging, ...preview }: SnapshotImagePreview): string[] {
  const { reference, kernel, memoryBytes, stages, warnings, obstacles } = preview;
  const room = staging.sizeBytes === null ? 'a file that is made for it' : formatSize(staging.sizeBytes);
  return [
    `would save this system (Linux ${kernel}, ${formatSize(memoryBytes)} of memory in use) as ${reference}`,
    `  staged on ${staging.device}: ${room}; up to ${formatSize(staging.neededBytes)} can be needed`,
    ...preview.disks.map(({ name, path }) => `  disk ${name}: ${path}`),
    ...stages.map((stage) => `  ${stage}`),
    ...warnings.map((warning) => `  note: ${warning}`),
    ...obstacles.map(({ message }) => `  cannot: ${message}`),
  ];
}
