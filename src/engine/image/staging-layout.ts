import { crc32 } from 'node:zlib';
import { bytes, defineStruct, text, u32, u64 } from '../../base/struct.ts';
import { PAGE_BYTES } from '../../base/units.ts';
import type { Extent } from '../../sys/image-sys.ts';

/** `TRPRSTG1` */
const MAGIC = 0x3147_5453_5250_5254n;
const VERSION = 2;
/** The header, then the table of extents, then sections. */
export const EXTENT_PAGES = 15;
export const FIRST_SECTION_PAGE = 1 + EXTENT_PAGES;
export const SEED_BYTES = 64;

const HEADER = defineStruct('staging header', PAGE_BYTES, {
  magic: u64(0),
  version: u32(8),
  state: u32(12),
  id: bytes(16, 16),
  createdMs: u64(32),
  pages: u64(40),
  sections: u32(48),
  extents: u32(52),
  extentsCrc: u32(56),
  generation: u32(60),
  /** Over the whole page, with zero in its place. */
  crc: u32(64),
  seed: bytes(72, SEED_BYTES),
  reference: text(136, 160),
});
const SECTION = defineStruct('staging section', 112, {
  kind: u32(0),
  firstPage: u64(8),
  dataPages: u64(16),
  indexPages: u64(24),
  sizeBytes: u64(32),
  name: text(40, 64),
  checksum: u64(104),
});
const SECTIONS_OFFSET = 512;
export const MAX_SECTIONS = Math.floor((PAGE_BYTES - SECTIONS_OFFSET) / SECTION.sizeBytes);
const EXTENT = defineStruct('staging extent', 16, { start: u64(0), sizeBytes: u64(8) });
export const MAX_EXTENTS = (EXTENT_PAGES * PAGE_BYTES) / EXTENT.sizeBytes;
const RUN = defineStruct('staging run', 16, { start: u64(0), count: u32(8), state: u32(12) });
export const RUNS_PER_PAGE = PAGE_BYTES / RUN.sizeBytes;

/**
 * `taken`: a whole image of this system, to be put into the bank. `pending`: a whole image that is to
 * replace the system, now or at the next start. `begun`: the same, and disks were written: nothing else can start.
 * `parked`: a whole image, in a slot of a parking area, of a system that stands still until it is resumed.
 */
export type StagingState = 'taken' | 'pending' | 'begun' | 'parked';
const STATES: readonly StagingState[] = ['taken', 'pending', 'begun', 'parked'];
const KINDS = ['image', 'disk', 'facts'] as const;

export interface Section {
  readonly kind: (typeof KINDS)[number];
  /** Of a disk: its name in the snapshot. */
  readonly name: string;
  /** Of a disk: all its bytes. Of facts: their bytes of JSON. */
  readonly sizeBytes: number;
  readonly firstPage: number;
  readonly dataPages: number;
  /** Behind the data: which pages they are. An image has its list within the data. */
  readonly indexPages: number;
  /** XXH64 of data and index. */
  readonly checksum: bigint;
}

export interface StagingHeader {
  readonly state: StagingState;
  /** Of the attempt that wrote it: 32 hexadecimal digits. */
  readonly id: string;
  readonly createdMs: number;
  /** `OS@TAG` */
  readonly reference: string;
  /** Of a pending one: how often the snapshot was restored, with this time. */
  readonly generation: number;
  /** Of a pending one: random bytes for the system that comes back. */
  readonly seed: Uint8Array;
  /** All pages of the area. */
  readonly pages: number;
  readonly sections: readonly Section[];
  readonly extents: readonly Extent[];
}

/** The header and the table of extents: {@link FIRST_SECTION_PAGE} pages. Throws RangeError. */
export function encodeStagingHeader(header: StagingHeader): Uint8Array {
  if (header.sections.length > MAX_SECTIONS) throw new RangeError(`${header.sections.length} sections`);
  const out = new Uint8Array(FIRST_SECTION_PAGE * PAGE_BYTES);
  const table = encodeExtents(header.extents);
  out.set(table, PAGE_BYTES);
  const page = out.subarray(0, PAGE_BYTES);
  HEADER.encodeInto(page, {
    magic: MAGIC,
    version: VERSION,
    state: STATES.indexOf(header.state) + 1,
    id: Buffer.from(header.id, 'hex'),
    createdMs: BigInt(header.createdMs),
    pages: BigInt(header.pages),
    sections: header.sections.length,
    extents: header.extents.length,
    extentsCrc: crc32(table),
    generation: header.generation,
    seed: header.seed,
    reference: header.reference,
  });
  for (const [index, section] of header.sections.entries()) {
    const values = {
      kind: KINDS.indexOf(section.kind) + 1,
      checksum: section.checksum,
      firstPage: BigInt(section.firstPage),
      dataPages: BigInt(section.dataPages),
      indexPages: BigInt(section.indexPages),
      sizeBytes: BigInt(section.sizeBytes),
      name: section.name,
    };
    SECTION.encodeInto(page, values, SECTIONS_OFFSET + index * SECTION.sizeBytes);
  }
  HEADER.encodeInto(page, { crc: crc32(page) });
  return out;
}

/**
 * Null when the pages hold no whole header: an empty or half-made area. Throws RangeError when they hold one
 * of another version or one that is absurd.
 */
export function decodeStagingHeader(pages: Uint8Array): StagingHeader | null {
  const page = pages.slice(0, PAGE_BYTES);
  const table = pages.subarray(PAGE_BYTES, FIRST_SECTION_PAGE * PAGE_BYTES);
  const head = HEADER.decode(page);
  if (head.magic !== MAGIC) return null;
  HEADER.encodeInto(page, { crc: 0 });
  if (crc32(page) !== head.crc) return null;
  if (head.version !== VERSION) throw new RangeError(`version ${head.version} is not ${VERSION}`);
  const state = STATES[head.state - 1];
  if (state === undefined) throw new RangeError(`there is no state ${head.state}`);
  if (head.extents > MAX_EXTENTS || head.sections > MAX_SECTIONS) throw new RangeError('too many parts');
  if (crc32(table) !== head.extentsCrc) return null;
  const areaPages = asCount(head.pages);
  const sections = Array.from({ length: head.sections }, (_, index): Section => {
    const values = SECTION.decode(page, SECTIONS_OFFSET + index * SECTION.sizeBytes);
    const kind = KINDS[values.kind - 1];
    const [firstPage, dataPages, indexPages] = [
      asCount(values.firstPage),
      asCount(values.dataPages),
      asCount(values.indexPages),
    ];
    if (kind === undefined || firstPage < FIRST_SECTION_PAGE) throw new RangeError('a section is absurd');
    if (firstPage + dataPages + indexPages > areaPages) throw new RangeError('a section leaves the area');
    const { name, checksum } = values;
    return { kind, name, checksum, firstPage, dataPages, indexPages, sizeBytes: asCount(values.sizeBytes) };
  });
  const extents = Array.from({ length: head.extents }, (_, index): Extent => {
    const { start, sizeBytes } = EXTENT.decode(table, index * EXTENT.sizeBytes);
    return { start: asCount(start), sizeBytes: asCount(sizeBytes) };
  });
  return {
    state,
    id: Buffer.from(head.id).toString('hex'),
    createdMs: asCount(head.createdMs),
    reference: head.reference,
    generation: head.generation,
    seed: head.seed,
    pages: areaPages,
    sections,
    extents,
  };
}

function encodeExtents(extents: readonly Extent[]): Uint8Array {
  if (extents.length > MAX_EXTENTS) throw new RangeError(`${extents.length} extents`);
  const table = new Uint8Array(EXTENT_PAGES * PAGE_BYTES);
  for (const [index, { start, sizeBytes }] of extents.entries()) {
    EXTENT.encodeInto(
      table,
      { start: BigInt(start), sizeBytes: BigInt(sizeBytes) },
      index * EXTENT.sizeBytes,
    );
  }
  return table;
}

/** A run of an index as it stands on the disk. Its count is below 2^32 and above 0, else it ends the page. */
export interface IndexEntry {
  readonly start: number;
  readonly count: number;
  readonly isZero: boolean;
}

/** Writes an entry; `slot` counts from the page's beginning. */
export function encodeIndexEntry(page: Uint8Array, slot: number, entry: IndexEntry): void {
  RUN.encodeInto(
    page,
    { start: BigInt(entry.start), count: entry.count, state: entry.isZero ? 1 : 0 },
    slot * RUN.sizeBytes,
  );
}

/** The entries of a page, up to the first that is empty. Throws RangeError. */
export function decodeIndexPage(page: Uint8Array): IndexEntry[] {
  const entries: IndexEntry[] = [];
  for (let slot = 0; slot < RUNS_PER_PAGE; slot += 1) {
    const { start, count, state } = RUN.decode(page, slot * RUN.sizeBytes);
    if (count === 0) break;
    if (state > 1) throw new RangeError(`a run has the state ${state}`);
    entries.push({ start: asCount(start), count, isZero: state === 1 });
  }
  return entries;
}

function asCount(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`${value} is too large`);
  return Number(value);
}
