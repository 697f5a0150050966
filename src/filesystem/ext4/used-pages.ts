import { PAGE_BYTES } from '../../base/units.ts';
import type { ByteRange, DiskReader } from '../disk-reader.ts';
import { BLOCK_UNINIT, readGroupDescriptor } from './group-descriptor.ts';
import { type Ext4Layout, readExt4Layout } from './superblock.ts';
import { makeUninitBitmap } from './uninit-bitmap.ts';

/** Pages of 4096 bytes of a disk, half-open. */
export interface PageRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The bytes of a disk that an ext4 filesystem on it uses, ascending, from its block bitmaps. Null when there is
 * none, or one that is mounted for writing, or is not clean, or is not understood: then every byte counts. A group
 * whose bitmap does not agree with its count of free blocks is used whole, and so is what lies behind the
 * filesystem. Constant memory.
 */
export function usedBytesOfExt4(disk: DiskReader): Iterable<ByteRange> | null {
  const layout = readExt4Layout(disk);
  if (layout === null || !layout.isQuiescent) return null;
  return { [Symbol.iterator]: () => usedBytes(disk, layout) };
}

/** The same in pages that are apart from each other. */
export function usedPagesOfExt4(disk: DiskReader): Iterable<PageRange> | null {
  const used = usedBytesOfExt4(disk);
  return used === null ? null : { [Symbol.iterator]: () => pagesOf(used) };
}

/** The pages in which ascending ranges of bytes lie, apart from each other. */
export function* pagesOf(ranges: Iterable<ByteRange>): Generator<PageRange, void, undefined> {
  let pending: PageRange | null = null;
  for (const { start, end } of ranges) {
    const next = { start: Math.floor(start / PAGE_BYTES), end: Math.ceil(end / PAGE_BYTES) };
    if (pending !== null && next.start <= pending.end) {
      pending = { start: pending.start, end: Math.max(pending.end, next.end) };
      continue;
    }
    if (pending !== null) yield pending;
    pending = next;
  }
  if (pending !== null) yield pending;
}

/** Byte ranges in ascending order. */
function* usedBytes(disk: DiskReader, layout: Ext4Layout): Generator<ByteRange, void, undefined> {
  const { blockBytes, blocks, firstDataBlock, blocksPerGroup } = layout;
  // The boot block, and with blocks of 4 KiB the superblock in the first of them.
  yield { start: 0, end: Math.max(1, firstDataBlock) * blockBytes };
  for (let group = 0; group < layout.groups; group += 1) {
    const first = firstDataBlock + group * blocksPerGroup;
    const count = Math.min(blocksPerGroup, blocks - first);
    for (const { start, end } of usedBlocks(disk, layout, group, count))
      yield { start: (first + start) * blockBytes, end: (first + end) * blockBytes };
  }
  const end = blocks * blockBytes;
  if (end < disk.sizeBytes) yield { start: end, end: disk.sizeBytes };
}

/** Runs of used blocks of one group, counted from its first. */
function usedBlocks(disk: DiskReader, layout: Ext4Layout, group: number, count: number): PageRange[] {
  const whole = [{ start: 0, end: count }];
  const descriptor = readGroupDescriptor(disk, layout, group);
  if (descriptor === null) return whole;
  const { blockBitmap, freeBlocks, flags } = descriptor;
  if (blockBitmap < layout.firstDataBlock || blockBitmap >= layout.blocks) return whole;
  const bitmap =
    (flags & BLOCK_UNINIT) !== 0
      ? makeUninitBitmap(layout, group, descriptor)
      : readBitmap(disk, layout, blockBitmap);
  if (bitmap === null) return whole;
  const runs: PageRange[] = [];
  let used = 0;
  let start = -1;
  for (let block = 0; block <= count; block += 1) {
    const isUsed = block < count && (bitmap[block >> 3]! & (1 << (block & 7))) !== 0;
    if (isUsed) used += 1;
    if (isUsed && start < 0) start = block;
    if (isUsed || start < 0) continue;
    runs.push({ start, end: block });
    start = -1;
  }
  return count - used === freeBlocks ? runs : whole;
}

function readBitmap(disk: DiskReader, { blockBytes }: Ext4Layout, block: number): Uint8Array {
  const bitmap = new Uint8Array(blockBytes);
  disk.read(block * blockBytes, bitmap);
  return bitmap;
}
