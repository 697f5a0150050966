import { PAGE_BYTES } from '../../base/units.ts';
import type { PageRange } from '../../filesystem/ext4/used-pages.ts';
import type { BlockDevice } from '../../sys/block-device.ts';
import type { PageRuns } from './page-runs.ts';

const ZERO_PAGE = Buffer.alloc(PAGE_BYTES);
const PAGE_WORDS = PAGE_BYTES / 4;

/**
 * Reads ranges of a disk through `buffer`, notes their pages in `runs`, and appends those that are not all
 * zero, many ranges at a time. What the last page has behind the end of the disk is zero.
 */
export function copyPages(
  device: BlockDevice,
  ranges: Iterable<PageRange>,
  buffer: Uint8Array,
  runs: PageRuns,
  append: (bytes: Uint8Array) => void,
): void {
  const capacity = buffer.length / PAGE_BYTES;
  let kept = 0;
  const flush = (): void => {
    if (kept > 0) append(buffer.subarray(0, kept * PAGE_BYTES));
    kept = 0;
  };
  for (const { start, end } of ranges) {
    for (let page = start; page < end; ) {
      const count = Math.min(capacity - kept, end - page);
      const piece = buffer.subarray(kept * PAGE_BYTES, (kept + count) * PAGE_BYTES);
      readPages(device, page, piece);
      kept += keepPages(piece, page, runs);
      page += count;
      // With less room than that, reads would become small.
      if (kept > capacity / 2) flush();
    }
  }
  flush();
}

/** Fills whole pages; what the last one has behind the end of the disk is zero. */
export function readPages(device: BlockDevice, firstPage: number, into: Uint8Array): void {
  const offset = firstPage * PAGE_BYTES;
  const there = Math.min(into.length, device.sizeBytes - offset);
  device.read(offset, into.subarray(0, there));
  into.fill(0, there);
}

/** Moves the pages that are not all zero to the front. Returns how many they are. */
function keepPages(bytes: Uint8Array, firstPage: number, runs: PageRuns): number {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const count = bytes.length / PAGE_BYTES;
  let kept = 0;
  for (let page = 0, next: number; page < count; page = next) {
    const isZero = isZeroPage(bytes, words, page);
    for (next = page + 1; next < count && isZeroPage(bytes, words, next) === isZero; ) next += 1;
    runs.add(firstPage + page, next - page, isZero);
    if (isZero) continue;
    if (kept !== page) bytes.copyWithin(kept * PAGE_BYTES, page * PAGE_BYTES, next * PAGE_BYTES);
    kept += next - page;
  }
  return kept;
}

/** Most pages show with a few words that they are not zero. */
function isZeroPage(bytes: Uint8Array, words: Uint32Array, page: number): boolean {
  const at = page * PAGE_WORDS;
  const sample = words[at]! | words[at + 1]! | words[at + PAGE_WORDS / 2]! | words[at + PAGE_WORDS - 1]!;
  return sample === 0 && ZERO_PAGE.equals(bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES));
}
