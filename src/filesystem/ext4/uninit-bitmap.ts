import type { GroupDescriptor } from './group-descriptor.ts';
import { type Ext4Layout, SUPERBLOCK } from './superblock.ts';

const COMPAT_SPARSE_SUPER2 = 0x200;
const RO_COMPAT_SPARSE_SUPER = 0x1;

/**
 * The block bitmap of a group that has never had one: the copy of the superblock and of the descriptors, where the
 * group has them, and its own bitmaps and inode table, where they lie in it; what ext4_init_block_bitmap()
 * (fs/ext4/balloc.c, Linux 6.12) makes of it. Null when the layout is not understood.
 */
export function makeUninitBitmap(
  layout: Ext4Layout,
  group: number,
  descriptor: GroupDescriptor,
): Uint8Array | null {
  const base = countBaseBlocks(layout, group);
  if (base === null) return null;
  const { blockBytes, blocksPerGroup, firstDataBlock, inodesPerGroup, inodeBytes } = layout;
  const bitmap = new Uint8Array(blockBytes);
  const first = firstDataBlock + group * blocksPerGroup;
  const mark = (start: number, count: number): void => {
    const end = Math.min(start + count, first + blocksPerGroup);
    for (let bit = Math.max(start, first) - first; bit < end - first; bit += 1)
      bitmap[bit >> 3]! |= 1 << (bit & 7);
  };
  mark(first, base);
  mark(descriptor.blockBitmap, 1);
  mark(descriptor.inodeBitmap, 1);
  mark(descriptor.inodeTable, Math.ceil((inodesPerGroup * inodeBytes) / blockBytes));
  return bitmap;
}

/** ext4_num_base_meta_blocks() without META_BG. */
function countBaseBlocks({ superblock, groups, descriptorBytes, blockBytes }: Ext4Layout, group: number) {
  const raw = SUPERBLOCK.decode(superblock);
  if ((raw.compat & COMPAT_SPARSE_SUPER2) !== 0) return null;
  const isSparse = (raw.roCompat & RO_COMPAT_SPARSE_SUPER) !== 0;
  if (isSparse && !hasSparseSuperblock(group)) return 0;
  return 1 + Math.ceil((groups * descriptorBytes) / blockBytes) + raw.reservedGdtBlocks;
}

/** ext4_bg_has_super() with SPARSE_SUPER: groups 0, 1 and the powers of 3, 5 and 7. */
function hasSparseSuperblock(group: number): boolean {
  if (group <= 1) return true;
  return [3, 5, 7].some((root) => {
    let power = root;
    while (power < group) power *= root;
    return power === group;
  });
}
