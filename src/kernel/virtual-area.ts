import type { KernelAddressSpace } from './virtual-memory.ts';

const AHEAD_BYTES = 16 * 1024;

/** Virtual memory by offset. Reads ahead, as neighbours are asked for one after the other. */
export type VirtualArea = (offset: number, sizeBytes: number) => Uint8Array | null;

/** The `areaBytes` at `address`; null for what is unmapped or unreadable. */
export function openVirtualArea(space: KernelAddressSpace, address: bigint, areaBytes: number): VirtualArea {
  let start = 0;
  let ahead: Uint8Array | null = null;
  return (offset, sizeBytes) => {
    const isInside = ahead !== null && offset >= start && offset + sizeBytes <= start + ahead.byteLength;
    if (!isInside) {
      const from = address + BigInt(offset);
      start = offset;
      ahead = space.readVirtual(from, Math.max(sizeBytes, Math.min(AHEAD_BYTES, areaBytes - offset)));
      // A hole in the memory ahead must not hide what lies before it.
      ahead ??= space.readVirtual(from, sizeBytes);
    }
    return ahead?.subarray(offset - start, offset - start + sizeBytes) ?? null;
  };
}
