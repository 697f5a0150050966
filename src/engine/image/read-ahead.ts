import { PAGE_BYTES } from '../../base/units.ts';
import type { StagingArea } from './staging-area.ts';

/**
 * Reads pages of an area from `firstPage` on, in a buffer of whole pages: one half of it is read while `action` looks
 * at the other one. `action` gets whole pages, and how many came before them.
 */
export function readAhead(
  area: StagingArea,
  firstPage: number,
  pages: number,
  buffer: Uint8Array,
  action: (bytes: Uint8Array, page: number) => void,
): void {
  const halfPages = Math.floor(buffer.length / PAGE_BYTES / 2);
  const begin = (page: number): { readonly bytes: Uint8Array; finish(): void } => {
    const half = buffer.subarray(((page / halfPages) % 2) * halfPages * PAGE_BYTES);
    const bytes = half.subarray(0, Math.min(halfPages, pages - page) * PAGE_BYTES);
    return { bytes, finish: area.beginRead(firstPage + page, bytes) };
  };
  if (pages === 0) return;
  let next = begin(0);
  try {
    for (let page = 0; page < pages; page += halfPages) {
      const { bytes, finish } = next;
      finish();
      if (page + halfPages < pages) next = begin(page + halfPages);
      action(bytes, page);
    }
  } finally {
    next.finish();
  }
}
