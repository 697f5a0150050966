import type { Bank } from '../bank/bank.ts';
import { openPageMap } from '../bank/page-map-reader.ts';
import { PAGE_STATE, RUN_WORDS, runCount, runState } from '../bank/page-run.ts';
import type { PageRange } from '../bank/region.ts';
import type { Snapshot } from '../bank/snapshot.ts';
import type { PhysRange } from '../base/ranges.ts';
import { sizeOf } from '../base/ranges.ts';
import { PAGE_BYTES } from '../base/units.ts';
import type { Sys } from '../sys/sys.ts';
import { memorySource } from './memory-region.ts';

/** How an OS uses its memory; `used` + `zero` + `free` is all of it. */
export interface MemoryUse {
  readonly totalBytes: number;
  /** Pages that its kernel may need. */
  readonly usedBytes: number;
  /** Pages that it may need and that hold only zeros; null when nobody looked, they are then in `usedBytes`. */
  readonly zeroBytes: number | null;
  /** Pages of its page allocator: nobody needs what is in them. */
  readonly freeBytes: number;
}

const ZEROS = Buffer.alloc(PAGE_BYTES);
/** Read at a time: 1 MiB. */
const PAGES_AT_A_TIME = 256;

/** Of a slot, with the ranges that its kernel needs. Looking for zeros reads all of them. */
export function measureSlotMemory(
  sys: Sys,
  range: PhysRange,
  used: Iterable<PageRange>,
  options: { readonly zeros: boolean },
): MemoryUse {
  const source = memorySource(sys, 'memory', range, used);
  const buffer = Buffer.alloc(PAGES_AT_A_TIME * PAGE_BYTES);
  let [usedPages, zeroPages] = [0, 0];
  try {
    for (const { start, end } of used) {
      usedPages += end - start;
      for (let page = start; page < end && options.zeros; page += PAGES_AT_A_TIME) {
        const bytes = buffer.subarray(0, Math.min(PAGES_AT_A_TIME, end - page) * PAGE_BYTES);
        source.read(page, bytes);
        for (let at = 0; at < bytes.length; at += PAGE_BYTES) {
          if (bytes.compare(ZEROS, 0, PAGE_BYTES, at, at + PAGE_BYTES) === 0) zeroPages += 1;
        }
      }
    }
  } finally {
    source.close();
  }
  return {
    totalBytes: sizeOf(range),
    usedBytes: (usedPages - zeroPages) * PAGE_BYTES,
    zeroBytes: options.zeros ? zeroPages * PAGE_BYTES : null,
    freeBytes: sizeOf(range) - usedPages * PAGE_BYTES,
  };
}

/** Of a snapshot, by the page map of its memory; no page of it is read. Throws E_BANK_DAMAGED. */
export function measureSnapshotMemory(bank: Bank, snapshot: Snapshot): MemoryUse | null {
  const map = openPageMap(bank, snapshot, 'memory');
  if (map === null) return null;
  const pages = { [PAGE_STATE.free]: 0, [PAGE_STATE.zero]: 0, [PAGE_STATE.stored]: 0 };
  for (let frame = 0; frame < map.frames; frame += 1) {
    const { runs, words } = map.readNow(frame);
    for (let run = 0; run < runs; run += 1) {
      const word = words[run * RUN_WORDS]!;
      pages[runState(word)] += runCount(word);
    }
  }
  return {
    totalBytes: map.region.pages * PAGE_BYTES,
    usedBytes: pages[PAGE_STATE.stored] * PAGE_BYTES,
    zeroBytes: pages[PAGE_STATE.zero] * PAGE_BYTES,
    freeBytes: pages[PAGE_STATE.free] * PAGE_BYTES,
  };
}
