import { defineStruct, u16, u32 } from '../../base/struct.ts';
import type { DiskReader } from '../disk-reader.ts';
import type { Ext4Layout } from './superblock.ts';

/** struct ext4_group_desc (fs/ext4/ext4.h, Linux 6.12). The second half is only there with 64 bytes. */
export const GROUP_DESCRIPTOR = defineStruct('ext4_group_desc', 64, {
  blockBitmapLow: u32(0x00),
  inodeBitmapLow: u32(0x04),
  inodeTableLow: u32(0x08),
  freeBlocksLow: u16(0x0c),
  flags: u16(0x12),
  blockBitmapHigh: u32(0x20),
  inodeBitmapHigh: u32(0x24),
  inodeTableHigh: u32(0x28),
  freeBlocksHigh: u16(0x2c),
});

/** EXT4_BG_BLOCK_UNINIT: the bitmap was never written, it follows from the layout (uninit-bitmap.ts). */
export const BLOCK_UNINIT = 2;

export interface GroupDescriptor {
  readonly blockBitmap: number;
  readonly inodeBitmap: number;
  readonly inodeTable: number;
  readonly freeBlocks: number;
  readonly flags: number;
}

/** Reads the descriptor of a group; null when the table leaves the filesystem. */
export function readGroupDescriptor(
  disk: DiskReader,
  layout: Ext4Layout,
  group: number,
): GroupDescriptor | null {
  const table = (layout.firstDataBlock + 1) * layout.blockBytes;
  const offset = table + group * layout.descriptorBytes;
  if (offset + layout.descriptorBytes > layout.blocks * layout.blockBytes) return null;
  const bytes = new Uint8Array(GROUP_DESCRIPTOR.sizeBytes);
  disk.read(offset, bytes.subarray(0, layout.descriptorBytes));
  const raw = GROUP_DESCRIPTOR.decode(bytes);
  return {
    blockBitmap: raw.blockBitmapLow + raw.blockBitmapHigh * 2 ** 32,
    inodeBitmap: raw.inodeBitmapLow + raw.inodeBitmapHigh * 2 ** 32,
    inodeTable: raw.inodeTableLow + raw.inodeTableHigh * 2 ** 32,
    freeBlocks: raw.freeBlocksLow + raw.freeBlocksHigh * 2 ** 16,
    flags: raw.flags,
  };
}
