import { GIB, PAGE_BYTES, type PhysAddr } from '../base/units.ts';
import { OFFSET } from './layout.ts';

const PRESENT = 1n;
const WRITABLE = 2n;
/** In a page-directory-pointer entry: this entry maps 1 GiB itself (Intel SDM vol. 3, table 5-16). */
const LARGE = 0x80n;
const ENTRIES = PAGE_BYTES / 8;

/**
 * The switchboard's own tables: the first 512 GiB, one to one, for both paging modes. The three
 * pages follow each other from OFFSET.pml5 on.
 */
export function encodePageTables(base: PhysAddr): Uint8Array {
  const entries = new BigUint64Array(3 * ENTRIES);
  const link = (offset: number): bigint => BigInt(base + offset) | PRESENT | WRITABLE;
  entries[0] = link(OFFSET.pml4);
  entries[ENTRIES] = link(OFFSET.pdpt);
  for (let gib = 0; gib < ENTRIES; gib += 1) {
    entries[2 * ENTRIES + gib] = BigInt(gib * GIB) | PRESENT | WRITABLE | LARGE;
  }
  return new Uint8Array(entries.buffer);
}

/** One past the highest physical address that the tables map. */
export const MAPPED_LIMIT_BYTES = ENTRIES * GIB;
