import { TorporError } from '../../base/errors.ts';
import { alignDown, PAGE_BYTES, type PhysAddr, physAddr } from '../../base/units.ts';
import type { SlotRecord } from '../../switchboard/record.ts';
import type { MappedRegion, Sys } from '../../sys/sys.ts';

/** Mapped at a time: a multiple of the large page, so that a log is seldom cut. */
const WINDOW_BYTES = 2 * 1024 * 1024;
/** Kept mapped, so that this takes the same memory whatever the size of the slot. */
const MAX_WINDOWS = 64;

/** Reads the memory of a parked or dead OS. */
export interface SlotMemory {
  /** A copy of `sizeBytes` bytes. Throws E_DEVMEM_REFUSED outside the slot. */
  read(address: PhysAddr, sizeBytes: number): Uint8Array;
  close(): void;
}

/** Opens a slot's memory for reading, in windows that are mapped when they are first read. */
export function readSlotMemory(sys: Sys, slot: SlotRecord): SlotMemory {
  const windows = new Map<number, MappedRegion>();
  const windowAt = (start: number): MappedRegion => {
    const known = windows.get(start);
    if (known !== undefined) return known;
    const range = {
      start: physAddr(Math.max(start, alignDown(slot.memory.start, PAGE_BYTES))),
      end: physAddr(Math.min(start + WINDOW_BYTES, slot.memory.end)),
    };
    const region = sys.mapPhysical(range);
    if (windows.size >= MAX_WINDOWS) {
      const [oldest, old] = windows.entries().next().value!;
      old.close();
      windows.delete(oldest);
    }
    windows.set(start, region);
    return region;
  };
  return {
    read(address, sizeBytes) {
      if (address < slot.memory.start || address + sizeBytes > slot.memory.end) {
        throw new TorporError('E_DEVMEM_REFUSED', 'an address lies outside its slot', {
          facts: { slot: slot.index, address, sizeBytes },
        });
      }
      const copy = new Uint8Array(sizeBytes);
      let done = 0;
      while (done < sizeBytes) {
        const at = address + done;
        const { range, bytes } = windowAt(alignDown(at, WINDOW_BYTES));
        const length = Math.min(sizeBytes - done, range.end - at);
        copy.set(bytes.subarray(at - range.start, at - range.start + length), done);
        done += length;
      }
      return copy;
    },
    close() {
      for (const region of windows.values()) region.close();
      windows.clear();
    },
  };
}
