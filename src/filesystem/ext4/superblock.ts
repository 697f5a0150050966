import { defineStruct, u16, u32 } from '../../base/struct.ts';
import { PAGE_BYTES } from '../../base/units.ts';
import type { DiskReader } from '../disk-reader.ts';

const SUPERBLOCK_OFFSET = 1024;
export const SUPERBLOCK_BYTES = 1024;
const MAGIC = 0xef53;

/** struct ext4_super_block (fs/ext4/ext4.h, Linux 6.12), as far as it is used here. */
export const SUPERBLOCK = defineStruct('ext4_super_block', SUPERBLOCK_BYTES, {
  inodes: u32(0x00),
  blocksLow: u32(0x04),
  firstDataBlock: u32(0x14),
  logBlockSize: u32(0x18),
  blocksPerGroup: u32(0x20),
  inodesPerGroup: u32(0x28),
  magic: u16(0x38),
  state: u16(0x3a),
  revision: u32(0x4c),
  inodeSize: u16(0x58),
  compat: u32(0x5c),
  incompat: u32(0x60),
  roCompat: u32(0x64),
  reservedGdtBlocks: u16(0xce),
  journalInode: u32(0xe0),
  descriptorSize: u16(0xfe),
  blocksHigh: u32(0x150),
});

/** s_state: cleanly unmounted, without known errors. */
const STATE_VALID = 1;
const STATE_ERROR = 2;

export const COMPAT_HAS_JOURNAL = 0x4;
const INCOMPAT = {
  filetype: 0x2,
  recover: 0x4,
  journalDevice: 0x8,
  extents: 0x40,
  '64bit': 0x80,
  flexBg: 0x200,
  eaInode: 0x400,
  csumSeed: 0x2000,
  largeDir: 0x4000,
  inlineData: 0x8000,
  encrypt: 0x10000,
  casefold: 0x20000,
} as const;
/** Those that change nothing of where the bitmaps are and what their bits mean. */
const UNDERSTOOD_INCOMPAT =
  Object.values(INCOMPAT).reduce((all, bit) => all | bit, 0) & ~INCOMPAT.recover & ~INCOMPAT.journalDevice;
const RO_COMPAT_BIGALLOC = 0x200;
const RO_COMPAT_ORPHANS = 0x10000;

/** Where an ext4 filesystem keeps its things; all values are in bounds. */
export interface Ext4Layout {
  readonly blockBytes: number;
  /** Of the whole filesystem; it lies inside the disk. */
  readonly blocks: number;
  readonly firstDataBlock: number;
  readonly blocksPerGroup: number;
  readonly groups: number;
  readonly descriptorBytes: number;
  readonly inodesPerGroup: number;
  readonly inodeBytes: number;
  /** 0: it has no journal of its own. */
  readonly journalInode: number;
  /** Nobody has it mounted for writing, or has left anything to be replayed or repaired. */
  readonly isQuiescent: boolean;
  readonly superblock: Uint8Array;
}

/** Reads the superblock of an ext2, ext3 or ext4 filesystem; null when there is none that is understood. */
export function readExt4Layout(disk: DiskReader): Ext4Layout | null {
  if (disk.sizeBytes < SUPERBLOCK_OFFSET + SUPERBLOCK_BYTES) return null;
  const superblock = new Uint8Array(SUPERBLOCK_BYTES);
  disk.read(SUPERBLOCK_OFFSET, superblock);
  return decodeSuperblock(superblock, disk.sizeBytes);
}

/** The same for the superblock's bytes. Whatever is out of bounds or not understood gives null. */
export function decodeSuperblock(superblock: Uint8Array, diskBytes: number): Ext4Layout | null {
  const raw = SUPERBLOCK.decode(superblock);
  if (raw.magic !== MAGIC || raw.revision > 1 || raw.logBlockSize > 6) return null;
  const known = UNDERSTOOD_INCOMPAT | INCOMPAT.recover;
  if ((raw.incompat & ~known) !== 0 || (raw.roCompat & RO_COMPAT_BIGALLOC) !== 0) return null;
  const is64 = (raw.incompat & INCOMPAT['64bit']) !== 0;
  const blockBytes = 1024 << raw.logBlockSize;
  const blocks = raw.blocksLow + (is64 ? raw.blocksHigh * 2 ** 32 : 0);
  const descriptorBytes = is64 ? raw.descriptorSize : 32;
  const inodeBytes = raw.revision === 0 ? 128 : raw.inodeSize;
  const isSound =
    blocks > raw.firstDataBlock &&
    blocks * blockBytes <= diskBytes &&
    raw.firstDataBlock === (blockBytes === 1024 ? 1 : 0) &&
    raw.blocksPerGroup > 0 &&
    raw.blocksPerGroup <= blockBytes * 8 &&
    raw.blocksPerGroup % 8 === 0 &&
    raw.inodesPerGroup > 0 &&
    raw.inodesPerGroup <= blockBytes * 8 &&
    [32, 64].includes(descriptorBytes) &&
    inodeBytes >= 128 &&
    inodeBytes <= Math.min(blockBytes, PAGE_BYTES) &&
    (inodeBytes & (inodeBytes - 1)) === 0;
  if (!isSound) return null;
  const hasJournal = (raw.compat & COMPAT_HAS_JOURNAL) !== 0;
  return {
    blockBytes,
    blocks,
    firstDataBlock: raw.firstDataBlock,
    blocksPerGroup: raw.blocksPerGroup,
    groups: Math.ceil((blocks - raw.firstDataBlock) / raw.blocksPerGroup),
    descriptorBytes,
    inodesPerGroup: raw.inodesPerGroup,
    inodeBytes,
    journalInode: hasJournal ? raw.journalInode : 0,
    isQuiescent:
      (raw.incompat & INCOMPAT.recover) === 0 &&
      (raw.roCompat & RO_COMPAT_ORPHANS) === 0 &&
      (raw.state & (STATE_VALID | STATE_ERROR)) === STATE_VALID,
    superblock,
  };
}
