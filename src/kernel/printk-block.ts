/** Every text block starts with the id of its descriptor and is aligned to it. */
export const BLOCK_HEAD_BYTES = 8;

/** Offsets in the text ring; no bytes at all for an empty line. */
export interface TextBlock {
  readonly start: number;
  readonly sizeBytes: number;
}

/**
 * Where the block between two logical positions lies in a ring of 2^textBits bytes: get_data() of
 * kernel/printk/printk_ringbuffer.c. A block that would cross the end of the ring lies whole at its
 * beginning; one may end exactly at the end (kernels since 6.19). `lost`: there was no room for it.
 */
export function locateTextBlock(
  begin: bigint,
  next: bigint,
  textBits: number,
): TextBlock | 'lost' | 'damaged' {
  // Bit 0 marks a record without a block: 3 for an empty line, 1 for no room.
  if ((begin & next & 1n) === 1n) return begin === 3n && next === 3n ? { start: 0, sizeBytes: 0 } : 'lost';
  if (begin % 8n !== 0n || next % 8n !== 0n) return 'damaged';
  const wrapOf = (position: bigint): bigint => BigInt.asUintN(64, position) >> BigInt(textBits);
  const indexOf = (position: bigint): number => Number(BigInt.asUintN(textBits, position));
  const ringBytes = 2 ** textBits;
  const length = BigInt.asUintN(64, next - begin);
  let block: TextBlock;
  if (wrapOf(begin) === wrapOf(next - 1n)) {
    if (length === 0n || length > BigInt(ringBytes)) return 'damaged';
    block = { start: indexOf(begin), sizeBytes: Number(length) };
  } else if (wrapOf(begin + BigInt(ringBytes)) === wrapOf(next - 1n)) {
    block = { start: 0, sizeBytes: indexOf(next) };
  } else {
    return 'damaged';
  }
  return block.sizeBytes < BLOCK_HEAD_BYTES ? 'damaged' : block;
}
