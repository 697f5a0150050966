import { crc32 } from 'node:zlib';
import { bytes, defineStruct, text, u32, u64 } from '../base/struct.ts';
import { MIB } from '../base/units.ts';
import { SALT_BYTES } from './seal.ts';

/**
 * Packs, page maps and fingerprints are framed blobs: a header, frames that are compressed and
 * sealed one by one, a trailer that says where each is, a footer that says where the trailer is.
 * docs/formats/bank.md explains each field.
 */
export const FRAMED_VERSION = 1;

export type FramedKind = 'pack' | 'pageMap' | 'fingerprints';
export const FRAMED_MAGIC: Readonly<Record<FramedKind, string>> = {
  pack: 'TORPORPK',
  pageMap: 'TORPORPM',
  fingerprints: 'TORPORFP',
};

export const HEADER = defineStruct('framed.header', 64, {
  magic: text(0, 8),
  version: u32(8),
  crc: u32(12),
  salt: bytes(16, SALT_BYTES),
});

/** One for each frame, at the start of the trailer. */
export const FRAME = defineStruct('framed.frame', 40, {
  offset: u64(0),
  firstItem: u64(8),
  items: u32(16),
  storedBytes: u32(20),
  rawBytes: u32(24),
  checksum: u64(32),
});

export const FOOTER = defineStruct('framed.footer', 96, {
  magic: text(0, 8),
  version: u32(8),
  crc: u32(12),
  items: u64(16),
  trailerOffset: u64(24),
  trailerStoredBytes: u32(32),
  frames: u32(36),
  extraBytes: u32(40),
  trailerSha256: bytes(48, 32),
});

/** Uncompressed bytes of a frame. */
export const MAX_FRAME_BYTES = MIB;
/** What zstd may add to content that does not compress, and a seal. */
export const MAX_STORED_FRAME_BYTES = MAX_FRAME_BYTES + 8192;
export const MAX_FRAMES = 65_536;
export const MAX_EXTRA_BYTES = MIB;

/** The CRC-32 of a header or footer: of all behind the field itself, at offset 12. */
export function structCrc(whole: Uint8Array): number {
  return crc32(whole.subarray(16));
}
