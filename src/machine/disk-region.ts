import type { PageRange, Region, RegionSource, RegionTarget } from '../bank/region.ts';
import { PAGE_BYTES } from '../base/units.ts';
import type { BlockDevice } from '../sys/block-device.ts';

/** A whole disk as a region of a snapshot. */
export function diskRegion(name: string, sizeBytes: number): Region {
  return { kind: 'disk', name, pages: Math.ceil(sizeBytes / PAGE_BYTES), sizeBytes };
}

/** Reads a disk page by page; behind its end the last page is zero. */
export function diskSource(name: string, device: BlockDevice, used?: Iterable<PageRange>): RegionSource {
  const region = diskRegion(name, device.sizeBytes);
  return {
    region,
    used: used ?? [{ start: 0, end: region.pages }],
    read: (firstPage, into) => readPages(device, firstPage, into),
  };
}

/** Writes a disk page by page. Free pages stay as they are: no filesystem looks at a block that it does not use. */
export function diskTarget(name: string, device: BlockDevice): RegionTarget {
  return {
    region: diskRegion(name, device.sizeBytes),
    write(firstPage, bytes) {
      const start = firstPage * PAGE_BYTES;
      device.write(start, bytes.subarray(0, device.sizeBytes - start));
    },
    zero(firstPage, count) {
      const start = firstPage * PAGE_BYTES;
      device.zero(start, Math.min(count * PAGE_BYTES, device.sizeBytes - start));
    },
    free() {},
    flush() {
      device.sync();
      // What is read back comes from the disk, not from this kernel's memory.
      device.dropCache();
    },
    read: (firstPage, into) => readPages(device, firstPage, into),
  };
}

function readPages(device: BlockDevice, firstPage: number, into: Uint8Array): void {
  const start = firstPage * PAGE_BYTES;
  const there = Math.min(into.length, device.sizeBytes - start);
  device.read(start, into.subarray(0, there));
  into.fill(0, there);
}
