import { crc32 } from 'node:zlib';
import { defineStruct, u8, u32, u64 } from '../base/struct.ts';
import type { ByteRange, DiskReader } from './disk-reader.ts';

/** An entry of a PC's master boot record, at 446 + 16 × n; numbers are of sectors. */
const MBR_ENTRY = defineStruct('mbr_entry', 16, { type: u8(4), first: u32(8), sectors: u32(12) });
const MBR_ENTRIES = 446;
const MBR_SIGNATURE = 510;
const PROTECTIVE = 0xee;
/** Further partitions are listed in a chain inside of these. */
const EXTENDED: readonly number[] = [0x05, 0x0f, 0x85];

/** UEFI Specification 2.10, section 5.3.2. */
const GPT_HEADER = defineStruct('gpt_header', 92, {
  signature: u64(0),
  headerBytes: u32(12),
  headerCrc: u32(16),
  entriesSector: u64(72),
  entries: u32(80),
  entryBytes: u32(84),
  entriesCrc: u32(88),
});
/** “EFI PART” */
const GPT_SIGNATURE = 0x5452_4150_2049_4645n;
/** Section 5.3.3; a type of zeros is an unused entry, `last` belongs to the partition. */
const GPT_ENTRY = defineStruct('gpt_entry', 128, {
  typeLow: u64(0),
  typeHigh: u64(8),
  first: u64(32),
  last: u64(40),
});
const MAX_ENTRIES = 1024;
/** Disks have one of these; only a GPT tells which. */
const SECTOR_BYTES = [512, 4096] as const;

/**
 * The partitions of a disk, ascending and apart from each other. Null when there is no partition table, or one
 * that is damaged or not understood.
 */
export function readPartitions(disk: DiskReader): ByteRange[] | null {
  if (disk.sizeBytes < 4096) return null;
  const first = new Uint8Array(512);
  disk.read(0, first);
  if (first[MBR_SIGNATURE] !== 0x55 || first[MBR_SIGNATURE + 1] !== 0xaa) return null;
  const entries = [0, 1, 2, 3]
    .map((number) => MBR_ENTRY.decode(first, MBR_ENTRIES + 16 * number))
    .filter(({ type, sectors }) => type !== 0 && sectors > 0);
  if (entries.some(({ type }) => EXTENDED.includes(type))) return null;
  const found = entries.some(({ type }) => type === PROTECTIVE)
    ? readGpt(disk)
    : entries.map(({ first: start, sectors }) => ({ start: start * 512, end: (start + sectors) * 512 }));
  return found === null ? null : inOrder(found, disk.sizeBytes);
}

function readGpt(disk: DiskReader): ByteRange[] | null {
  for (const sectorBytes of SECTOR_BYTES) {
    const header = new Uint8Array(sectorBytes);
    if (2 * sectorBytes > disk.sizeBytes) return null;
    disk.read(sectorBytes, header);
    const raw = GPT_HEADER.decode(header);
    if (raw.signature !== GPT_SIGNATURE) continue;
    if (raw.headerBytes < GPT_HEADER.sizeBytes || raw.headerBytes > sectorBytes) return null;
    const checked = header.slice(0, raw.headerBytes);
    GPT_HEADER.encodeInto(checked, { headerCrc: 0 });
    if (crc32(checked) !== raw.headerCrc) return null;
    return readEntries(disk, raw, sectorBytes);
  }
  return null;
}

function readEntries(
  disk: DiskReader,
  { entriesSector, entries, entryBytes, entriesCrc }: ReturnType<typeof GPT_HEADER.decode>,
  sectorBytes: number,
): ByteRange[] | null {
  const start = Number(entriesSector) * sectorBytes;
  if (entryBytes < GPT_ENTRY.sizeBytes || entryBytes > 4096 || entries > MAX_ENTRIES) return null;
  const table = new Uint8Array(entries * entryBytes);
  if (start + table.length > disk.sizeBytes) return null;
  disk.read(start, table);
  if (crc32(table) !== entriesCrc) return null;
  const used = Array.from({ length: entries }, (_, number) => GPT_ENTRY.decode(table, number * entryBytes));
  return used
    .filter(({ typeLow, typeHigh }) => typeLow !== 0n || typeHigh !== 0n)
    .map(({ first, last }) => ({
      start: Number(first) * sectorBytes,
      end: (Number(last) + 1) * sectorBytes,
    }));
}

/** Null when they overlap or leave the disk. */
function inOrder(found: readonly ByteRange[], diskBytes: number): ByteRange[] | null {
  const ranges = found.toSorted((a, b) => a.start - b.start);
  let end = 0;
  for (const range of ranges) {
    if (range.start < end || range.end <= range.start || range.end > diskBytes) return null;
    end = range.end;
  }
  return ranges;
}
