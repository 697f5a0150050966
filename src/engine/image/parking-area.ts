import { randomBytes } from 'node:crypto';
import { TorporError } from '../../base/errors.ts';
import { formatSize, PAGE_BYTES } from '../../base/units.ts';
import type { BlockDevice } from '../../sys/block-device.ts';
import type { ImageSys } from '../../sys/image-sys.ts';
import {
  decodeParkingHead,
  encodeParkingHead,
  HEAD_COPIES,
  type ParkingHead,
  planParkingHead,
} from './parking-layout.ts';
import type { StagingPlace } from './staging-area.ts';

/** A device whose slots hold the memories of parked OSes (docs/formats/staging.md). */
export interface ParkingArea {
  readonly device: string;
  readonly head: ParkingHead;
}

/** Slot `index` as a place for one image. */
export function slotPlace({ device, head }: ParkingArea, index: number): StagingPlace {
  const start = (head.firstSlotPage + index * head.slotPages) * PAGE_BYTES;
  return { device, extents: [{ start, sizeBytes: head.slotPages * PAGE_BYTES }] };
}

/** Reads how a device is divided. Null when it is no parking area. Throws E_PARKING. */
export function readParkingArea(sys: ImageSys, device: string): ParkingArea | null {
  const disk = sys.openDirect(device, 'read');
  try {
    if (disk.sizeBytes < HEAD_COPIES * PAGE_BYTES) return null;
    const page = sys.allocatePages(PAGE_BYTES);
    for (let copy = 0; copy < HEAD_COPIES; copy += 1) {
      disk.read(copy * PAGE_BYTES, page);
      const head = decodeParkingHead(page);
      if (head === null) continue;
      if (head.pages * PAGE_BYTES > disk.sizeBytes) throw new RangeError('it is larger than its device');
      return { device, head };
    }
    return null;
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new TorporError('E_PARKING', `the parking area on ${device} is not understood: ${cause.message}`, {
      facts: { device, what: cause.message },
      hint: 'use the Torpor that made it, or make it anew: `torpor parking init DISK --force`',
      cause,
    });
  } finally {
    disk.close();
  }
}

/**
 * Makes a device a parking area with empty slots; what was on it is gone. Cut off, it is none. Throws
 * E_PARKING when it is too small.
 */
export function formatParkingArea(sys: ImageSys, device: string, slots: number, nowMs: number): ParkingArea {
  const disk = sys.openDirect(device, 'write');
  try {
    const pages = Math.floor(disk.sizeBytes / PAGE_BYTES);
    const id = randomBytes(16).toString('hex');
    const head = planParkingHead({ id, createdMs: nowMs, pages, slots });
    if (head === null) {
      throw new TorporError(
        'E_PARKING',
        `${device} has ${formatSize(disk.sizeBytes)}: too little for ${slots} OSes`,
        {
          facts: { device, sizeBytes: disk.sizeBytes, slots },
          hint: 'each OS needs room for half of the memory: name a larger partition, or give fewer --slots',
        },
      );
    }
    writeHead(sys, disk, head);
    return { device, head };
  } finally {
    disk.close();
  }
}

/** SAFETY: the heads are last: until then there are no slots, and whatever lies where they will be counts for nothing. */
function writeHead(sys: ImageSys, disk: BlockDevice, head: ParkingHead): void {
  const page = sys.allocatePages(PAGE_BYTES);
  for (let copy = 0; copy < HEAD_COPIES; copy += 1) disk.write(copy * PAGE_BYTES, page);
  disk.sync();
  for (let slot = 0; slot < head.slots; slot += 1)
    disk.write((head.firstSlotPage + slot * head.slotPages) * PAGE_BYTES, page);
  disk.sync();
  page.set(encodeParkingHead(head));
  for (let copy = 0; copy < HEAD_COPIES; copy += 1) disk.write(copy * PAGE_BYTES, page);
  disk.sync();
}
