import { PAGE_BYTES } from '../../base/units.ts';
import type { ImageKernel } from './image-header.ts';
import { planStreamHead } from './image-stream.ts';
import { PageRuns } from './page-runs.ts';
import type { Dialect } from './pfn-list.ts';

export const KERNEL: ImageKernel = {
  jumpAddress: 0xffff_ffff_8106_1000n,
  jumpAddressPhys: 0x106_1000n,
  cr3: 0x2a0_e000n,
  e820Checksum: 0xdead_beef,
  physPages: 131_000,
};

/** A memory by page frame; null is a page of zeros. */
export type Memory = ReadonlyMap<number, Uint8Array | null>;

export function memoryOf(entries: readonly (readonly [number, number])[]): Memory {
  return new Map(
    entries.map(([pfn, byte]) => [pfn, byte === 0 ? null : new Uint8Array(PAGE_BYTES).fill(byte)]),
  );
}

/** The stream that a kernel of that dialect makes of a memory, in the order of its page frames. */
export function streamOf(memory: Memory, dialect: Dialect, kernel = KERNEL): Uint8Array {
  const pages = [...memory].toSorted(([a], [b]) => a - b);
  const runs = new PageRuns();
  for (const [pfn, page] of pages) runs.add(pfn, 1, page === null);
  const head = planStreamHead(kernel, runs, dialect);
  const list = Array.from(head.list(), (bytes) => bytes.slice());
  const data = pages.flatMap(([, page]) => {
    if (page !== null) return [page];
    return dialect === 'plain' ? [new Uint8Array(PAGE_BYTES)] : [];
  });
  return Buffer.concat([head.header, ...list, ...data]);
}
