import { createHash } from 'node:crypto';
import { defineStruct, u16, u32 } from '../base/struct.ts';
import { GIB } from '../base/units.ts';
import type { DiskReader } from './disk-reader.ts';
import { findJournalStart } from './ext4/fence.ts';
import { readExt4Layout } from './ext4/superblock.ts';
import { hashRange } from './hash-range.ts';

/**
 * `ext4`: superblock and journal superblock, of which every mount for writing and every thaw changes one.
 * `btrfs`: the superblock, whose generation every transaction raises. `head`: the first 64 KiB, for formats
 * that nobody writes to. `whole`: every byte.
 */
export const FENCE_KINDS = ['ext4', 'btrfs', 'head', 'whole'] as const;
export type FenceKind = (typeof FENCE_KINDS)[number];

/** What a disk looked like when its OS was parked. */
export interface DiskFence {
  readonly kind: FenceKind;
  /** SHA-256, hexadecimal. */
  readonly sha256: string;
  /** Of ext4 only, for people: how often it was mounted, and when it was mounted and written last (s since 1970). */
  readonly mounts: number | null;
  readonly mountedS: number | null;
  readonly writtenS: number | null;
}

/** struct ext4_super_block (fs/ext4/ext4.h, Linux 6.12): its counts of use. */
const EXT4_USE = defineStruct('ext4_super_block use', 0x36, {
  mountedS: u32(0x2c),
  writtenS: u32(0x30),
  mounts: u16(0x34),
});
const JOURNAL_SUPERBLOCK_BYTES = 1024;
/** BTRFS_SUPER_INFO_OFFSET and _SIZE (fs/btrfs/disk-io.h, Linux 6.12). */
const BTRFS_OFFSET = 64 * 1024;
const BTRFS_BYTES = 4096;
const HEAD_BYTES = 64 * 1024;
/** More takes longer to read than a system may stand still for it. */
const MAX_WHOLE_BYTES = 4 * GIB;

/** Formats whose filesystems are never written to. */
const READ_ONLY_TYPES = ['squashfs', 'erofs', 'iso9660', 'udf', 'cramfs', 'romfs'];

/** How a filesystem of that type (as in mountinfo) is watched; null when it cannot be. */
export function chooseFence(disk: DiskReader, type: string): FenceKind | null {
  if (/^ext[234]$/.test(type) && readExt4Layout(disk) !== null) return 'ext4';
  if (type === 'btrfs') return 'btrfs';
  if (READ_ONLY_TYPES.includes(type)) return 'head';
  return disk.sizeBytes <= MAX_WHOLE_BYTES ? 'whole' : null;
}

/** Reads what a disk looks like now. One that is no longer of that kind gets a fence that equals no other. */
export function readDiskFence(disk: DiskReader, kind: FenceKind): DiskFence {
  const hash = createHash('sha256');
  const nothing = { mounts: null, mountedS: null, writtenS: null };
  const add = (start: number, sizeBytes: number): void => {
    hashRange(disk, start, Math.min(start + sizeBytes, disk.sizeBytes), hash);
  };
  const finish = (): string => hash.digest('hex');
  switch (kind) {
    case 'ext4': {
      const layout = readExt4Layout(disk);
      if (layout === null) {
        add(0, HEAD_BYTES);
        return { kind, sha256: finish(), ...nothing };
      }
      hash.update(layout.superblock);
      const journal = findJournalStart(disk, layout);
      if (journal !== null) add(journal, JOURNAL_SUPERBLOCK_BYTES);
      return { kind, sha256: finish(), ...EXT4_USE.decode(layout.superblock) };
    }
    case 'btrfs':
      add(BTRFS_OFFSET, BTRFS_BYTES);
      return { kind, sha256: finish(), ...nothing };
    case 'head':
      add(0, HEAD_BYTES);
      return { kind, sha256: finish(), ...nothing };
    case 'whole':
      add(0, disk.sizeBytes);
      return { kind, sha256: finish(), ...nothing };
  }
}

/** What has happened to a disk since, in words; null when it is as it was. */
export function compareFences(then: DiskFence, now: DiskFence): string | null {
  if (then.kind === now.kind && then.sha256 === now.sha256) return null;
  const time = (seconds: number | null): string => new Date((seconds ?? 0) * 1000).toISOString().slice(0, 19);
  if (then.mounts !== null && now.mounts !== null) {
    if (then.mounts !== now.mounts)
      return `it was mounted for the last time at ${time(now.mountedS)}, after the OS was parked (mount ${then.mounts} then, ${now.mounts} now)`;
    if (then.writtenS !== now.writtenS)
      return `it was written to at ${time(now.writtenS)}, and last at ${time(then.writtenS)} when the OS was parked`;
  }
  if (then.mounts !== null && now.mounts === null) return 'there is no ext4 filesystem any more';
  return 'its content has changed';
}
