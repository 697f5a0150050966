import { crc32 } from 'node:zlib';
import { bytes, defineStruct, u32, u64 } from '../../base/struct.ts';
import { MIB, PAGE_BYTES } from '../../base/units.ts';
import { FIRST_SECTION_PAGE } from './staging-layout.ts';

/** `TRPRPRK1` */
const MAGIC = 0x314b_5250_5250_5254n;
const VERSION = 1;
/** Two copies of the head, then nothing up to the first slot. */
export const HEAD_COPIES = 2;
/** Slots begin at whole MiB. */
export const SLOT_UNIT_PAGES = MIB / PAGE_BYTES;
export const MAX_SLOTS = 64;

const HEAD = defineStruct('parking head', PAGE_BYTES, {
  magic: u64(0),
  version: u32(8),
  slots: u32(12),
  id: bytes(16, 16),
  createdMs: u64(32),
  pages: u64(40),
  firstSlotPage: u64(48),
  slotPages: u64(56),
  /** Over the whole page, with zero in its place. */
  crc: u32(64),
});

/** How a parking area is divided. It never changes as long as the area is the same. */
export interface ParkingHead {
  /** 32 hexadecimal digits. */
  readonly id: string;
  readonly createdMs: number;
  /** All pages of the device. */
  readonly pages: number;
  readonly slots: number;
  readonly firstSlotPage: number;
  readonly slotPages: number;
}

/** Divides a device evenly. Null when a slot would have no room for anything. */
export function planParkingHead(
  about: Pick<ParkingHead, 'id' | 'createdMs' | 'pages' | 'slots'>,
): ParkingHead | null {
  const units = Math.floor(about.pages / SLOT_UNIT_PAGES) - 1;
  const slotPages = Math.floor(units / about.slots) * SLOT_UNIT_PAGES;
  return slotPages > 0 ? { ...about, firstSlotPage: SLOT_UNIT_PAGES, slotPages } : null;
}

export function encodeParkingHead(head: ParkingHead): Uint8Array {
  const page = new Uint8Array(PAGE_BYTES);
  HEAD.encodeInto(page, {
    magic: MAGIC,
    version: VERSION,
    slots: head.slots,
    id: Buffer.from(head.id, 'hex'),
    createdMs: BigInt(head.createdMs),
    pages: BigInt(head.pages),
    firstSlotPage: BigInt(head.firstSlotPage),
    slotPages: BigInt(head.slotPages),
  });
  HEAD.encodeInto(page, { crc: crc32(page) });
  return page;
}

/** Null when the page holds no whole head. Throws RangeError when it is of another version or absurd. */
export function decodeParkingHead(found: Uint8Array): ParkingHead | null {
  const page = found.slice(0, PAGE_BYTES);
  const raw = HEAD.decode(page);
  if (raw.magic !== MAGIC) return null;
  HEAD.encodeInto(page, { crc: 0 });
  if (crc32(page) !== raw.crc) return null;
  if (raw.version !== VERSION) throw new RangeError(`version ${raw.version} is not ${VERSION}`);
  const [pages, firstSlotPage, slotPages, createdMs] = [
    asCount(raw.pages),
    asCount(raw.firstSlotPage),
    asCount(raw.slotPages),
    asCount(raw.createdMs),
  ];
  const isSound =
    raw.slots >= 1 &&
    raw.slots <= MAX_SLOTS &&
    firstSlotPage >= HEAD_COPIES &&
    slotPages > FIRST_SECTION_PAGE &&
    firstSlotPage + raw.slots * slotPages <= pages;
  if (!isSound) throw new RangeError('its slots leave it');
  const id = Buffer.from(raw.id).toString('hex');
  return { id, createdMs, pages, slots: raw.slots, firstSlotPage, slotPages };
}

function asCount(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`${value} is too large`);
  return Number(value);
}
