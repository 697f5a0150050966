import { formatSize, hex, type PhysAddr, physAddr } from './units.ts';

/** A half-open range [start, end) of physical addresses. */
export interface PhysRange {
  readonly start: PhysAddr;
  readonly end: PhysAddr;
}

/** Makes [start, start + sizeBytes). Throws RangeError when it is empty or leaves 52 bits. */
export function rangeOf(start: number | bigint, sizeBytes: number | bigint): PhysRange {
  const range = { start: physAddr(start), end: physAddr(Number(start) + Number(sizeBytes)) };
  if (range.end <= range.start) throw new RangeError(`the range at ${hex(start)} is empty`);
  return range;
}

export function sizeOf(range: PhysRange): number {
  return range.end - range.start;
}

export function overlaps(a: PhysRange, b: PhysRange): boolean {
  return a.start < b.end && b.start < a.end;
}

export function contains(outer: PhysRange, inner: PhysRange): boolean {
  return outer.start <= inner.start && inner.end <= outer.end;
}

/** What is left of `range` when every one of `holes` is taken out, in ascending order. */
export function subtract(range: PhysRange, holes: readonly PhysRange[]): PhysRange[] {
  const rest: PhysRange[] = [];
  let position = range.start;
  for (const hole of holes.filter((h) => overlaps(range, h)).toSorted((a, b) => a.start - b.start)) {
    if (hole.start > position) rest.push({ start: position, end: hole.start });
    if (hole.end > position) position = hole.end;
  }
  if (position < range.end) rest.push({ start: position, end: range.end });
  return rest;
}

/** `[0x20000000, 0x30000000) 256 MiB` */
export function formatRange(range: PhysRange): string {
  return `[${hex(range.start)}, ${hex(range.end)}) ${formatSize(sizeOf(range))}`;
}
