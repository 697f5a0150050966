import { PAGE_BYTES } from '../base/units.ts';

const ZEROS = Buffer.alloc(PAGE_BYTES);

/** Whether the page at `offset` holds only zeros. */
export function isZeroPage(bytes: Buffer, offset: number): boolean {
  // Most pages that are not zero show it in their first bytes, and reading one is faster than a call.
  if ((bytes[offset]! | bytes[offset + 8]! | bytes[offset + 1024]! | bytes[offset + 2056]!) !== 0)
    return false;
  return bytes.compare(ZEROS, 0, PAGE_BYTES, offset, offset + PAGE_BYTES) === 0;
}
