import { crc32 } from 'node:zlib';
import { bytes, defineStruct, text, u32, u64 } from '../base/struct.ts';

/**
 * The page index is a number of sorted segments: blocks of entries, the packs that the entries
 * number, a footer. It is a cache: whatever is wrong with it only costs space.
 */
export const SEGMENT_MAGIC = 'TORPORIX';
export const SEGMENT_VERSION = 1;

/** An entry: page digest, number of the pack (u32), page in it (u32). */
export const ENTRY_BYTES = 40;
export const BLOCK_BYTES = 4096;
/** The rest of a block is the XXH64 of what stands before it, and eight zeros. */
export const BLOCK_ENTRIES = 102;
export const BLOCK_CHECKSUM_OFFSET = BLOCK_ENTRIES * ENTRY_BYTES;

export const SEGMENT_FOOTER = defineStruct('segment.footer', 64, {
  magic: text(0, 8),
  version: u32(8),
  crc: u32(12),
  entries: u64(16),
  packs: u32(24),
  /** SHA-256 of the pack digests. */
  packsSha256: bytes(32, 32),
});

export function footerCrc(footer: Uint8Array): number {
  return crc32(footer.subarray(16));
}
