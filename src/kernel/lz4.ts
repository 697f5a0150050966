/** `lz4 -l`, as the kernel's build compresses with: the legacy frame format. */
const LEGACY_MAGIC = 0x184c2102;
/** Most bytes that one block of a legacy frame expands to. */
const BLOCK_BYTES = 8 * 1024 * 1024;
const MINIMUM_MATCH = 4;

/**
 * Expands a legacy LZ4 frame (lz4 doc/lz4_Frame_format.md, "Legacy frame"; doc/lz4_Block_format.md).
 * What follows the last block, such as the size that the kernel's build appends, is ignored.
 * Throws RangeError on damage or on more than `limitBytes` bytes.
 */
export function expandLz4(frame: Uint8Array, limitBytes: number): Buffer {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.byteLength < 8 || view.getUint32(0, true) !== LEGACY_MAGIC)
    throw new RangeError('not a legacy LZ4 frame');
  const blocks: Buffer[] = [];
  let total = 0;
  for (let at = 4; at + 4 < frame.byteLength; ) {
    const sizeBytes = view.getUint32(at, true);
    if (sizeBytes === 0 || at + 4 + sizeBytes > frame.byteLength) break;
    const block = expandBlock(frame.subarray(at + 4, at + 4 + sizeBytes));
    total += block.length;
    if (total > limitBytes) throw new RangeError('the LZ4 frame expands to too much');
    blocks.push(block);
    at += 4 + sizeBytes;
  }
  return Buffer.concat(blocks);
}

function expandBlock(block: Uint8Array): Buffer {
  const output = Buffer.allocUnsafe(BLOCK_BYTES);
  let from = 0;
  let to = 0;
  const next = (): number => {
    const byte = block[from];
    if (byte === undefined) throw new RangeError('the LZ4 block ends early');
    from += 1;
    return byte;
  };
  /** 15 means that more bytes follow, up to the first that is not 255. */
  const length = (nibble: number): number => {
    let sum = nibble;
    if (nibble < 15) return sum;
    for (let byte = 255; byte === 255; ) {
      byte = next();
      sum += byte;
    }
    return sum;
  };
  while (from < block.length) {
    const token = next();
    const literals = length(token >> 4);
    if (from + literals > block.length || to + literals > BLOCK_BYTES)
      throw new RangeError('bad LZ4 literals');
    // Byte by byte: most runs are a few bytes long, where a call costs more than the copy.
    for (const end = to + literals; to < end; ) output[to++] = block[from++]!;
    if (from === block.length) break;
    const distance = next() | (next() << 8);
    const match = length(token & 15) + MINIMUM_MATCH;
    if (distance === 0 || distance > to || to + match > BLOCK_BYTES) throw new RangeError('bad LZ4 match');
    for (const end = to + match; to < end; to += 1) output[to] = output[to - distance]!;
  }
  return output.subarray(0, to);
}
