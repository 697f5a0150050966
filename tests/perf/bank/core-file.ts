import { type PhysRange, sizeOf } from '../../../src/base/ranges.ts';
import { alignUp, PAGE_BYTES } from '../../../src/base/units.ts';

const HEADER_BYTES = 64;
const SEGMENT_BYTES = 56;
const NOTE_HEAD_BYTES = 12;
const PT_LOAD = 1;
const PT_NOTE = 4;
const ET_CORE = 4;
const EM_X86_64 = 62;
/** The kernel's own text and modules are mapped from here on (Documentation/arch/x86/x86_64/mm.rst). */
const KERNEL_MAP = 0xffff_ffff_8000_0000n;

/**
 * The head of an ELF core file, whole pages, as the kernel's /proc/vmcore has it: the VMCOREINFO note
 * and a segment for each range, which follow in this order. `kcore` is the head of the same kernel's
 * /proc/kcore, from which comes where the kernel maps its memory. Source: elf(5), fs/proc/kcore.c.
 */
export function encodeCoreHeader(kcore: Buffer, note: Buffer, ranges: readonly PhysRange[]): Buffer {
  const base = findDirectMap(kcore);
  const name = note.readUInt32LE(0);
  const noteBytes = NOTE_HEAD_BYTES + alignUp(name, 4) + alignUp(note.readUInt32LE(4), 4);
  const noteOffset = HEADER_BYTES + SEGMENT_BYTES * (ranges.length + 1);
  const header = Buffer.alloc(alignUp(noteOffset + noteBytes, PAGE_BYTES));
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  header.writeUInt16LE(ET_CORE, 16);
  header.writeUInt16LE(EM_X86_64, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(BigInt(HEADER_BYTES), 32);
  header.writeUInt16LE(HEADER_BYTES, 52);
  header.writeUInt16LE(SEGMENT_BYTES, 54);
  header.writeUInt16LE(ranges.length + 1, 56);
  writeSegment(header, 0, { type: PT_NOTE, offset: noteOffset, address: 0n, start: 0, sizeBytes: noteBytes });
  let offset = header.length;
  for (const [index, range] of ranges.entries()) {
    const sizeBytes = sizeOf(range);
    const address = base + BigInt(range.start);
    writeSegment(header, index + 1, { type: PT_LOAD, offset, address, start: range.start, sizeBytes });
    offset += sizeBytes;
  }
  note.copy(header, noteOffset, 0, noteBytes);
  return header;
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: bigint;
  readonly start: number;
  readonly sizeBytes: number;
}

function writeSegment(header: Buffer, index: number, segment: Segment): void {
  const at = HEADER_BYTES + index * SEGMENT_BYTES;
  header.writeUInt32LE(segment.type, at);
  header.writeUInt32LE(segment.type === PT_LOAD ? 7 : 0, at + 4);
  header.writeBigUInt64LE(BigInt(segment.offset), at + 8);
  header.writeBigUInt64LE(segment.address, at + 16);
  header.writeBigUInt64LE(BigInt(segment.start), at + 24);
  header.writeBigUInt64LE(BigInt(segment.sizeBytes), at + 32);
  header.writeBigUInt64LE(BigInt(segment.sizeBytes), at + 40);
}

/** Where the kernel sees physical address 0: from any segment of its RAM. */
function findDirectMap(kcore: Buffer): bigint {
  const segments = kcore.readUInt16LE(56);
  for (let index = 0; index < segments; index += 1) {
    const at = Number(kcore.readBigUInt64LE(32)) + index * SEGMENT_BYTES;
    const address = kcore.readBigUInt64LE(at + 16);
    const start = kcore.readBigInt64LE(at + 24);
    // What is no RAM has no physical address there.
    if (kcore.readUInt32LE(at) !== PT_LOAD || start < 0n || address >= KERNEL_MAP) continue;
    // The text has one too on some kernels; the direct map is aligned to 1 GiB.
    if ((address - start) % (1n << 30n) === 0n) return address - start;
  }
  throw new RangeError('/proc/kcore has no segment of RAM');
}
