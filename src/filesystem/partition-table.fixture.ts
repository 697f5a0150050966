import { crc32 } from 'node:zlib';
import type { ByteRange } from './disk-reader.ts';

const ENTRIES = 128;
const ENTRY_BYTES = 128;

/** A disk with a GPT (UEFI Specification 2.10, section 5.3) and a protective MBR, otherwise zeros. */
export function makeGpt(sizeBytes: number, parts: readonly ByteRange[], sectorBytes = 512): Uint8Array {
  const disk = makeMbr(sizeBytes, [{ start: 512, end: sizeBytes }], 0xee);
  const view = new DataView(disk.buffer);
  const entries = disk.subarray(2 * sectorBytes, 2 * sectorBytes + ENTRIES * ENTRY_BYTES);
  for (const [number, { start, end }] of parts.entries()) {
    const at = 2 * sectorBytes + number * ENTRY_BYTES;
    // Linux filesystem data
    disk.set(Buffer.from('af3dc60f838472478e793d69d8477de4', 'hex'), at);
    view.setBigUint64(at + 32, BigInt(start / sectorBytes), true);
    view.setBigUint64(at + 40, BigInt(end / sectorBytes - 1), true);
  }
  disk.set(Buffer.from('EFI PART', 'latin1'), sectorBytes);
  view.setUint32(sectorBytes + 8, 0x1_0000, true);
  view.setUint32(sectorBytes + 12, 92, true);
  view.setBigUint64(sectorBytes + 24, 1n, true);
  view.setBigUint64(sectorBytes + 72, 2n, true);
  view.setUint32(sectorBytes + 80, ENTRIES, true);
  view.setUint32(sectorBytes + 84, ENTRY_BYTES, true);
  view.setUint32(sectorBytes + 88, crc32(entries), true);
  view.setUint32(sectorBytes + 16, crc32(disk.subarray(sectorBytes, sectorBytes + 92)), true);
  return disk;
}

/** A disk with a master boot record, otherwise zeros. */
export function makeMbr(sizeBytes: number, parts: readonly ByteRange[], type = 0x83): Uint8Array {
  const disk = new Uint8Array(sizeBytes);
  const view = new DataView(disk.buffer);
  view.setUint16(510, 0xaa55, true);
  for (const [number, { start, end }] of parts.entries()) {
    const at = 446 + 16 * number;
    disk[at + 4] = type;
    view.setUint32(at + 8, start / 512, true);
    view.setUint32(at + 12, (end - start) / 512, true);
  }
  return disk;
}
