import { TorporError } from '../../base/errors.ts';
import { formatSize, PAGE_BYTES } from '../../base/units.ts';
import { checkLoader, readLoader } from '../../engine/image/loader.ts';
import { type ParkingArea, slotPlace } from '../../engine/image/parking-area.ts';
import { readStagedHeader } from '../../engine/image/section-reader.ts';
import { StagingArea } from '../../engine/image/staging-area.ts';
import { diskChanged, type FencedDisk, findChange } from '../../engine/image/watched-disks.ts';
import { readFirmwareMap } from '../../memory/firmware-map.ts';
import type { ImageSys } from '../../sys/image-sys.ts';
import type { Sys } from '../../sys/sys.ts';
import { readCpuFacts } from '../cpu-facts.ts';
import { findHolders } from '../disks.ts';
import { compareMachine, type Obstacle } from '../fences.ts';
import { findNamedDisk } from '../image/disk-name.ts';
import type { ParkedOs } from './slots.ts';

/** Whether a parked OS can go on here and now. */
export interface ResumePlan {
  readonly parked: ParkedOs;
  /** Those of its disks that are here. */
  readonly disks: readonly FencedDisk[];
  readonly obstacles: readonly Obstacle[];
}

/** Compares the machine and the disks with what the OS left. Reads only. */
export function planResume(sys: Sys, image: ImageSys, area: ParkingArea, parked: ParkedOs): ResumePlan {
  const here = { firmware: readFirmwareMap(sys), switchboard: 0, cpu: readCpuFacts(sys) };
  const { cpu, firmwareMap } = parked.facts.machine;
  // Another kernel has other names for what the same processor can do.
  const isSameKernel = parked.facts.kernel.release === sys.kernelRelease() || cpu.model !== here.cpu.model;
  const then = { firmwareMap, cpu: isSameKernel ? cpu : { ...cpu, flags: [] }, switchboard: 0 };
  const { disks, obstacles } = checkDisks(sys, image, parked);
  return {
    parked,
    disks,
    obstacles: [
      ...compareMachine(then as Parameters<typeof compareMachine>[0], here),
      ...compareKernel(sys, image, area, parked),
      ...obstacles,
    ],
  };
}

/** What the disks of a parked OS are here, and what stands against going on with them. */
export function checkDisks(
  sys: Sys,
  image: ImageSys,
  { os, facts }: ParkedOs,
): { readonly disks: FencedDisk[]; readonly obstacles: Obstacle[] } {
  const disks: FencedDisk[] = [];
  const obstacles: Obstacle[] = [];
  for (const { name, fence } of facts.disks) {
    const found = findNamedDisk(sys, name);
    if (found === null) {
      obstacles.push({
        code: 'E_DISK_MISSING',
        message: `its disk ${name} is not there`,
        hint: 'attach the disk; a volume that is encrypted or assembled has to be opened here too',
      });
      continue;
    }
    const holders = findHolders(sys, found);
    if (holders.length > 0) {
      obstacles.push({
        code: 'E_DISK_IN_USE',
        message: `its disk ${name} (${found.path}) is in use here: ${holders.join(', ')}`,
        hint: `\`umount ${holders[0]}\`; a filesystem that several OSes mount has to be named with \`torpor parking use DISK --shared PLACE\` in each of them`,
      });
      continue;
    }
    const disk = { name, path: found.path, fence };
    const change = findChange(image, disk);
    if (change === null) disks.push(disk);
    else {
      const { message, hint } = diskChanged(os, name, change);
      obstacles.push({ code: 'E_DISK_CHANGED', message, hint: hint ?? '' });
    }
  }
  return { disks, obstacles };
}

function compareKernel(sys: Sys, image: ImageSys, area: ParkingArea, parked: ParkedOs): Obstacle[] {
  const staging = new StagingArea(image, slotPlace(area, parked.slot), 'read');
  try {
    checkLoader(readStagedHeader(staging, parked.image).kernel, readLoader(sys));
    return [];
  } catch (error) {
    if (!(error instanceof TorporError)) throw error;
    return [{ code: error.code, message: error.message, hint: error.hint ?? '' }];
  } finally {
    staging.close();
  }
}

/** Throws the first obstacle, with all of them as facts. */
export function requireResumable({ parked, obstacles }: ResumePlan): void {
  const [first] = obstacles;
  if (first === undefined) return;
  throw new TorporError(first.code, `“${parked.os}” cannot go on: ${first.message}`, {
    facts: { os: parked.os, differences: obstacles.map(({ message }) => message) },
    hint: first.hint,
  });
}

/** For people and JSON. */
export function describeResumePlan({ parked, disks, obstacles }: ResumePlan): object {
  return {
    os: parked.os,
    since: new Date(parked.createdMs).toISOString(),
    kernel: parked.facts.kernel.release,
    imageBytes: parked.image.dataPages * PAGE_BYTES,
    image: formatSize(parked.image.dataPages * PAGE_BYTES),
    disks: disks.map(({ name, path }) => ({ name, path })),
    obstacles,
  };
}
