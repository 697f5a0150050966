import type { PhysAddr } from '../base/units.ts';

/** One memory range or one disk of a snapshot, in whole pages of 4096 bytes. */
export type Region =
  | {
      readonly kind: 'memory';
      /** `memory`: the slot's own range; `low`: its slice below 1 MiB. */
      readonly name: 'memory' | 'low';
      readonly start: PhysAddr;
      readonly pages: number;
    }
  | {
      readonly kind: 'disk';
      /** The id in the OS's entry. */
      readonly name: string;
      readonly pages: number;
      /** At most `pages` × 4096; the rest of the last page is zeros in the bank. */
      readonly sizeBytes: number;
    };

/** Page numbers within a region, half-open: [start, end). */
export interface PageRange {
  readonly start: number;
  readonly end: number;
}

/** Where a snapshot's pages come from. */
export interface RegionSource {
  readonly region: Region;
  /** In ascending order, not overlapping. Pages outside are stored as `free` and never read. */
  readonly used: Iterable<PageRange>;
  /** Fills `into` (whole pages) from page `firstPage` on. Throws on a read error. */
  read(firstPage: number, into: Uint8Array): void;
}

/** Where a snapshot's pages go. Each page of the region is given exactly once, in any order. */
export interface RegionTarget {
  readonly region: Region;
  /** Whole pages. `bytes` is reused after the call. */
  write(firstPage: number, bytes: Uint8Array): void;
  zero(firstPage: number, count: number): void;
  /** Pages whose content nobody owns: zeros, the kernel’s poison pattern, or what is there. */
  free(firstPage: number, count: number): void;
  /** Makes all of it durable; called once at the end. */
  flush(): void;
  /** Reads back, for a comparison with the snapshot. */
  read(firstPage: number, into: Uint8Array): void;
}

/** Names a region within its snapshot: `memory`, `low`, `disk:vda`. */
export function regionKey(region: Region): string {
  return region.kind === 'memory' ? region.name : `disk:${region.name}`;
}
