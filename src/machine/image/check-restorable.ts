import type { Snapshot } from '../../bank/snapshot.ts';
import { TorporError } from '../../base/errors.ts';
import { formatSize, MIB, PAGE_BYTES } from '../../base/units.ts';
import type { ImageKernel } from '../../engine/image/image-header.ts';
import type { Loader } from '../../engine/image/loader.ts';
import type { OwnDisk } from '../../engine/image/take-image.ts';
import { readFirmwareMap } from '../../memory/firmware-map.ts';
import type { Sys } from '../../sys/sys.ts';
import { readCpuFacts } from '../cpu-facts.ts';
import { compareMachine, requireNone } from '../fences.ts';
import { findNamedDisk } from './disk-name.ts';
import { imageKernelOf } from './image-facts.ts';

/** Kept free for the kernel while it loads an image. */
const SPARE_BYTES = 32 * MIB;

/** Throws E_OTHER_MACHINE, E_PAGING_MODE. */
export function checkSnapshot(sys: Sys, { description, reference }: Snapshot): ImageKernel {
  const kernel = imageKernelOf(description);
  if (kernel === null) {
    throw new TorporError('E_OTHER_MACHINE', `${reference} is of the resident engine: it needs a slot`, {
      facts: { reference, engine: description.engine },
      hint: 'restore it on a machine with a memory plan (`torpor plan`)',
    });
  }
  const here = { firmware: readFirmwareMap(sys), switchboard: 0, cpu: readCpuFacts(sys) };
  requireNone(compareMachine(description.machine, here), reference);
  return kernel;
}

/** What the snapshot's disks are here. Throws E_DISK_MISSING. */
export function findDisks(sys: Sys, { description, reference }: Snapshot): OwnDisk[] {
  return description.disks.map(({ name, sizeBytes }) => {
    const disk = findNamedDisk(sys, name);
    if (disk !== null) return { name, path: disk.path };
    throw new TorporError('E_DISK_MISSING', `the disk ${name} of ${reference} is not there`, {
      facts: { disk: name, sizeBytes },
      hint: 'attach the disk, then repeat the restore',
    });
  });
}

/** Throws E_IMAGE_MEMORY: the kernel holds the whole image in memory before it puts it in place. */
export function requireMemory(pages: number, loader: Loader, reference: string): void {
  const neededBytes = pages * PAGE_BYTES + SPARE_BYTES;
  if (loader.availableBytes >= neededBytes) return;
  throw new TorporError(
    'E_IMAGE_MEMORY',
    `${reference} needs ${formatSize(neededBytes)} of free memory, and ${formatSize(loader.availableBytes)} are free`,
    {
      facts: { reference, neededBytes, availableBytes: loader.availableBytes },
      hint: 'end programs, or restore it at the next start with --at-boot',
    },
  );
}
