import { createHash } from 'node:crypto';
import { defineStruct, u16, u32 } from '../../base/struct.ts';
import type { DiskReader } from '../disk-reader.ts';
import { hashRange } from '../hash-range.ts';
import { readGroupDescriptor } from './group-descriptor.ts';
import { type Ext4Layout, readExt4Layout } from './superblock.ts';

// struct ext4_inode, ext4_extent_header, ext4_extent and ext4_extent_idx (fs/ext4, Linux 6.12)
const INODE_FLAGS_OFFSET = 0x20;
const INODE_BLOCKS_OFFSET = 0x28;
const INODE_BLOCKS_BYTES = 60;
const EXTENTS_FLAG = 0x80000;
const EXTENT_MAGIC = 0xf30a;
const MAX_EXTENT_DEPTH = 5;
/** A longer extent is one that was never written. */
const MAX_INITIALISED = 32_768;
const EXTENT_HEADER = defineStruct('ext4_extent_header', 12, {
  magic: u16(0),
  entries: u16(2),
  depth: u16(6),
});
const EXTENT = defineStruct('ext4_extent', 12, { length: u16(4), startHigh: u16(6), startLow: u32(8) });
const EXTENT_INDEX = defineStruct('ext4_extent_idx', 12, { leafLow: u32(4), leafHigh: u16(8) });
/** No journal has more pieces; a damaged tree must end. */
const MAX_EXTENTS = 65_536;

interface BlockRun {
  readonly start: number;
  readonly count: number;
}

/**
 * SHA-256 (hexadecimal) over the superblock and the journal of an ext4 filesystem: mounting it and
 * every change of its metadata changes one of them. Null when there is none, or it has no journal of
 * its own, or it is not understood.
 */
export function readExt4Fence(disk: DiskReader): string | null {
  const layout = readExt4Layout(disk);
  if (layout === null || layout.journalInode === 0) return null;
  const runs = findJournal(disk, layout);
  if (runs === null) return null;
  const hash = createHash('sha256').update(layout.superblock);
  const { blockBytes } = layout;
  for (const { start, count } of runs)
    hashRange(disk, start * blockBytes, (start + count) * blockBytes, hash);
  return hash.digest('hex');
}

/** Where the journal begins on the disk, in bytes: its superblock. Null without one that is understood. */
export function findJournalStart(disk: DiskReader, layout: Ext4Layout): number | null {
  if (layout.journalInode === 0) return null;
  const first = findJournal(disk, layout)?.[0];
  return first === undefined ? null : first.start * layout.blockBytes;
}

/** Where the journal's blocks are; null when the inode does not say it in a way that is understood. */
function findJournal(disk: DiskReader, layout: Ext4Layout): BlockRun[] | null {
  const { journalInode, inodesPerGroup, inodeBytes, blockBytes } = layout;
  const group = Math.floor((journalInode - 1) / inodesPerGroup);
  const descriptor = group < layout.groups ? readGroupDescriptor(disk, layout, group) : null;
  if (descriptor === null) return null;
  const offset = descriptor.inodeTable * blockBytes + ((journalInode - 1) % inodesPerGroup) * inodeBytes;
  if (offset + inodeBytes > layout.blocks * blockBytes) return null;
  const inode = new Uint8Array(inodeBytes);
  disk.read(offset, inode);
  const flags = new DataView(inode.buffer).getUint32(INODE_FLAGS_OFFSET, true);
  if ((flags & EXTENTS_FLAG) === 0) return null;
  const runs: BlockRun[] = [];
  const root = inode.subarray(INODE_BLOCKS_OFFSET, INODE_BLOCKS_OFFSET + INODE_BLOCKS_BYTES);
  return collectExtents(disk, layout, root, MAX_EXTENT_DEPTH, runs) && runs.length > 0 ? runs : null;
}

/** Adds the runs of a node and of those below it; false when something is out of bounds. */
function collectExtents(
  disk: DiskReader,
  layout: Ext4Layout,
  node: Uint8Array,
  deepest: number,
  runs: BlockRun[],
): boolean {
  const { magic, entries, depth } = EXTENT_HEADER.decode(node);
  if (magic !== EXTENT_MAGIC || depth > deepest) return false;
  if ((entries + 1) * EXTENT_HEADER.sizeBytes > node.length) return false;
  for (let entry = 1; entry <= entries; entry += 1) {
    const at = entry * EXTENT_HEADER.sizeBytes;
    if (depth > 0) {
      const { leafLow, leafHigh } = EXTENT_INDEX.decode(node, at);
      const block = leafLow + leafHigh * 2 ** 32;
      if (block >= layout.blocks) return false;
      const child = new Uint8Array(layout.blockBytes);
      disk.read(block * layout.blockBytes, child);
      if (!collectExtents(disk, layout, child, depth - 1, runs)) return false;
      continue;
    }
    const { length, startLow, startHigh } = EXTENT.decode(node, at);
    const start = startLow + startHigh * 2 ** 32;
    if (length === 0 || length > MAX_INITIALISED || start + length > layout.blocks) return false;
    if (runs.push({ start, count: length }) > MAX_EXTENTS) return false;
  }
  return true;
}
