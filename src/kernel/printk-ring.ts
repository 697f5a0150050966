import { hex } from '../base/units.ts';
import { BLOCK_HEAD_BYTES, locateTextBlock } from './printk-block.ts';
import type { PrintkLayout } from './printk-layout.ts';
import { openVirtualArea } from './virtual-area.ts';
import type { KernelAddressSpace } from './virtual-memory.ts';

/**
 * The lockless printk ring of Linux since 5.10 (kernel/printk/printk_ringbuffer.c), read while nobody
 * writes: a ring of descriptors, an array of infos beside it, a ring of text blocks.
 */
export interface PrintkRing {
  readonly descCount: number;
  readonly headId: bigint;
  readonly tailId: bigint;
  /** The id and state of the descriptor in place `index`; null when unreadable. */
  readDesc(index: number): PrintkDesc | null;
  /** Null when unreadable. */
  readInfo(index: number): PrintkInfo | null;
  /** The text of a descriptor, at most `lengthBytes` of it. */
  readText(desc: PrintkDesc, lengthBytes: number): PrintkText;
}

/**
 * `reserved`: a writer was at work; `committed`: written, could still be continued; `finalized`: whole;
 * `reusable`: its text has been given up.
 */
export type PrintkDescState = 'reserved' | 'committed' | 'finalized' | 'reusable';

export interface PrintkDesc {
  /** 62 bits; counts up by one for each record. */
  readonly id: bigint;
  readonly state: PrintkDescState;
  /** Logical positions in the text ring, 64 bits, counting up. */
  readonly begin: bigint;
  readonly next: bigint;
}

export interface PrintkInfo {
  readonly seq: bigint;
  readonly timestampNs: bigint;
  readonly textLengthBytes: number;
  readonly facility: number;
  readonly level: number;
}

/** `lost`: the kernel itself had no room for the text; `damaged`: it cannot be where it is said to be. */
export type PrintkText = { readonly text: string } | 'lost' | 'damaged';

const STATES = ['reserved', 'committed', 'finalized', 'reusable'] as const;
const ID_BITS = 62;
/** LOG_BUF_LEN_MAX is 2 GiB; a descriptor is made for each 32 bytes of text (PRB_AVGBITS 5). */
const MAX_TEXT_BITS = 31;

/**
 * Whether an id and a sequence number belong to the same record: they differ by the number of places,
 * modulo 2^32 (DESC0_ID, an unsigned int, in printk_ringbuffer.h).
 */
export function isSeqOfId(seq: bigint, id: bigint, descCount: number): boolean {
  return BigInt.asUintN(32, seq - id) === BigInt(descCount);
}

/** Finds the ring. A text says why it cannot be used. */
export function openPrintkRing(space: KernelAddressSpace, layout: PrintkLayout): PrintkRing | string {
  const { ring, desc, info } = layout;
  const place = readU64(space, layout.ringPointer);
  if (place === null) return `the pointer to the ring at ${hex(layout.ringPointer)} is unreadable`;
  const head = view(space, place, ring.sizeBytes);
  if (head === null) return `the ring at ${hex(place)} is unreadable`;
  const countBits = head.getUint32(ring.descCountBits, true);
  const textBits = head.getUint32(ring.textSizeBits, true);
  if (textBits > MAX_TEXT_BITS || textBits - countBits < 3 || textBits - countBits > 8) {
    return `the ring claims 2^${countBits} records in 2^${textBits} bytes`;
  }
  const descCount = 2 ** countBits;
  const descs = openVirtualArea(space, head.getBigUint64(ring.descs, true), descCount * desc.sizeBytes);
  const infos = openVirtualArea(space, head.getBigUint64(ring.infos, true), descCount * info.sizeBytes);
  const text = openVirtualArea(space, head.getBigUint64(ring.text, true), 2 ** textBits);

  return {
    descCount,
    headId: BigInt.asUintN(ID_BITS, head.getBigUint64(ring.headId, true)),
    tailId: BigInt.asUintN(ID_BITS, head.getBigUint64(ring.tailId, true)),
    readDesc(index) {
      const bytes = descs(index * desc.sizeBytes, desc.sizeBytes);
      if (bytes === null) return null;
      const fields = viewOf(bytes);
      const stateVar = fields.getBigUint64(desc.state, true);
      return {
        id: BigInt.asUintN(ID_BITS, stateVar),
        state: STATES[Number(stateVar >> BigInt(ID_BITS))]!,
        begin: fields.getBigUint64(desc.begin, true),
        next: fields.getBigUint64(desc.next, true),
      };
    },
    readInfo(index) {
      const bytes = infos(index * info.sizeBytes, info.sizeBytes);
      if (bytes === null) return null;
      const fields = viewOf(bytes);
      return {
        seq: fields.getBigUint64(info.seq, true),
        timestampNs: fields.getBigUint64(info.timestampNs, true),
        textLengthBytes: fields.getUint16(info.textLength, true),
        facility: fields.getUint8(info.facility),
        // u8 flags:5, level:3
        level: fields.getUint8(info.flagsAndLevel) >> 5,
      };
    },
    readText(desc, lengthBytes) {
      const block = locateTextBlock(desc.begin, desc.next, textBits);
      if (typeof block === 'string') return block;
      if (block.sizeBytes === 0) return { text: '' };
      const room = block.sizeBytes - BLOCK_HEAD_BYTES;
      const sizeBytes = BLOCK_HEAD_BYTES + Math.min(lengthBytes, room);
      const bytes = text(block.start, sizeBytes);
      if (bytes === null || viewOf(bytes).getBigUint64(0, true) !== desc.id) return 'damaged';
      return { text: Buffer.from(bytes.subarray(BLOCK_HEAD_BYTES)).toString('utf8') };
    },
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function view(space: KernelAddressSpace, address: bigint, sizeBytes: number): DataView | null {
  const bytes = space.readVirtual(address, sizeBytes);
  return bytes === null ? null : viewOf(bytes);
}

function readU64(space: KernelAddressSpace, address: bigint): bigint | null {
  return view(space, address, 8)?.getBigUint64(0, true) ?? null;
}
