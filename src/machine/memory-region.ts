import type { PageRange, Region, RegionSource, RegionTarget } from '../bank/region.ts';
import { type PhysRange, sizeOf } from '../base/ranges.ts';
import { alignDown, KIB, MIB, PAGE_BYTES, physAddr } from '../base/units.ts';
import type { MappedRegion, Sys } from '../sys/sys.ts';

/** Page tables for a whole slot would cost memory that grows with it. */
const WINDOW_BYTES = 8 * MIB;
/**
 * Pages come in the order of the bank's packs, back and forth in the slot, and the kernel checks every
 * page that is mapped (drivers/char/mem.c, range_is_allowed): windows that were used last stay mapped,
 * 4 GiB with 8 MiB of page tables.
 */
const MAX_WINDOWS = 512;
/** Filled memory is copied from here: processors without fast string instructions are slow to fill. */
const PATTERN_BYTES = 256 * KIB;

/** What page_poison=1 leaves in free pages (include/linux/poison.h, PAGE_POISON). */
const PAGE_POISON = 0xaa;

export function memoryRegion(name: 'memory' | 'low', range: PhysRange): Region {
  return { kind: 'memory', name, start: range.start, pages: sizeOf(range) / PAGE_BYTES };
}

/** Reads a parked OS's memory; to be closed when it was saved. */
export function memorySource(
  sys: Sys,
  name: 'memory' | 'low',
  range: PhysRange,
  used?: Iterable<PageRange>,
): RegionSource & { close(): void } {
  const region = memoryRegion(name, range);
  const windows = openWindows(sys, range);
  return {
    region,
    used: used ?? [{ start: 0, end: region.pages }],
    read: windows.read,
    close: windows.close,
  };
}

/**
 * Writes the memory of an empty slot; to be closed when it is filled. What the kernel expects in its
 * free pages is in each of them: zeros unless it poisons them.
 */
export function memoryTarget(
  sys: Sys,
  name: 'memory' | 'low',
  range: PhysRange,
  freePages: 'any' | 'zero' | 'poison',
): RegionTarget & { close(): void } {
  const windows = openWindows(sys, range);
  const zeros = new Uint8Array(PATTERN_BYTES);
  const free = freePages === 'poison' ? new Uint8Array(PATTERN_BYTES).fill(PAGE_POISON) : zeros;
  const fill = (firstPage: number, count: number, pattern: Uint8Array): void =>
    windows.visit(firstPage * PAGE_BYTES, count * PAGE_BYTES, (memory) => {
      for (let at = 0; at < memory.length; at += pattern.length)
        memory.set(pattern.subarray(0, Math.min(pattern.length, memory.length - at)), at);
    });
  return {
    region: memoryRegion(name, range),
    // SAFETY, of all three: the slot is empty and the range lies inside it; openWindows keeps to it.
    write: (firstPage, bytes) =>
      windows.visit(firstPage * PAGE_BYTES, bytes.length, (memory, done) =>
        memory.set(bytes.subarray(done, done + memory.length)),
      ),
    zero: (firstPage, count) => fill(firstPage, count, zeros),
    free: (firstPage, count) => fill(firstPage, count, free),
    flush() {},
    read: windows.read,
    close: windows.close,
  };
}

type Visit = (memory: Uint8Array, doneBytes: number) => void;

/** A bounded number of windows into a range of memory. Offsets count from the start of the range. */
function openWindows(sys: Sys, range: PhysRange) {
  // In the order of their last use.
  const mapped = new Map<number, MappedRegion>();
  const windowAt = (address: number): MappedRegion => {
    const key = alignDown(address, WINDOW_BYTES);
    const window = mapped.get(key) ?? openWindow(key);
    mapped.delete(key);
    mapped.set(key, window);
    return window;
  };
  const openWindow = (key: number): MappedRegion => {
    if (mapped.size >= MAX_WINDOWS) {
      const [oldest, window] = mapped.entries().next().value!;
      window.close();
      mapped.delete(oldest);
    }
    const start = Math.max(range.start, key);
    const end = Math.min(range.end, key + WINDOW_BYTES);
    return sys.mapPhysical({ start: physAddr(start), end: physAddr(end) });
  };
  const visit = (offset: number, sizeBytes: number, action: Visit): void => {
    if (offset < 0 || offset + sizeBytes > sizeOf(range)) throw new RangeError('outside the memory range');
    for (let done = 0; done < sizeBytes; ) {
      const address = range.start + offset + done;
      const window = windowAt(address);
      const length = Math.min(sizeBytes - done, window.range.end - address);
      const from = address - window.range.start;
      action(window.bytes.subarray(from, from + length), done);
      done += length;
    }
  };
  return {
    visit,
    read: (firstPage: number, into: Uint8Array): void =>
      visit(firstPage * PAGE_BYTES, into.length, (memory, done) => into.set(memory, done)),
    close(): void {
      for (const window of mapped.values()) window.close();
      mapped.clear();
    },
  };
}
