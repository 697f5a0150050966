import { PAGE_BYTES } from '../../base/units.ts';
import { addressOf, allocate } from '../native.ts';

/** Pages that one call moves at most; below IOV_MAX (include/uapi/linux/uio.h, 6.12). */
export const VECTOR_PAGES = 512;
/** struct iovec of the same file: address and length, 64 bits each. */
const IOVEC_BYTES = 16;

/** Pieces of a readv(2) or writev(2), a page each. */
export interface PageVector {
  /** Of its first struct iovec. */
  readonly address: bigint;
  readonly pages: number;
}

/** {@link VECTOR_PAGES} pages that are all the same zeros. */
export function zeroVector(): PageVector {
  const vector = allocate(VECTOR_PAGES * IOVEC_BYTES);
  const zeros = Number(allocate(PAGE_BYTES).address);
  fill(vector.bytes, () => zeros);
  return { address: vector.address, pages: VECTOR_PAGES };
}

/**
 * Gives vectors of the pages that `bytes` of {@link allocate} begin with. What was filled in once holds for all of a
 * buffer of {@link VECTOR_PAGES} pages: a struct for each page costs more than moving it.
 */
export function consecutiveVectors(): (bytes: Uint8Array) => PageVector {
  const vector = allocate(VECTOR_PAGES * IOVEC_BYTES);
  let covered: Uint8Array | null = null;
  return (bytes) => {
    let skipped =
      covered?.buffer === bytes.buffer ? (bytes.byteOffset - covered.byteOffset) / PAGE_BYTES : -1;
    if (skipped < 0 || skipped >= VECTOR_PAGES) {
      const first = Number(addressOf(bytes));
      // SAFETY: what is pointed at behind the end of `bytes` is used only when it is asked for as part of other bytes.
      fill(vector.bytes, (page) => first + page * PAGE_BYTES);
      covered = bytes;
      skipped = 0;
    }
    const pages = Math.min(bytes.length / PAGE_BYTES, VECTOR_PAGES - skipped);
    return { address: vector.address + BigInt(skipped * IOVEC_BYTES), pages };
  };
}

function fill(vector: Uint8Array, addressOfPage: (page: number) => number): void {
  /** Lower and upper half of each address and of each length. */
  const halves = new Uint32Array(vector.buffer, vector.byteOffset, vector.length / 4);
  for (let page = 0; page < VECTOR_PAGES; page += 1) {
    const address = addressOfPage(page);
    halves[4 * page] = address % 2 ** 32;
    halves[4 * page + 1] = address / 2 ** 32;
    halves[4 * page + 2] = PAGE_BYTES;
  }
}
