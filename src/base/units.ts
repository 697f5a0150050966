import { TorporError } from './errors.ts';

declare const physAddrBrand: unique symbol;

/**
 * A physical address in bytes. x86-64 physical addresses have at most 52 bits, so a
 * safe integer holds every one of them (docs/decisions/0002-addresses.md).
 */
export type PhysAddr = number & { readonly [physAddrBrand]: true };

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;
export const PAGE_BYTES = 4096;
/** One past the highest physical address of the architecture (52 bits). */
export const PHYS_ADDR_LIMIT = 2 ** 52;

/** Brands a number as a physical address. Throws RangeError outside [0, 2^52]. */
export function physAddr(value: number | bigint): PhysAddr {
  const address = Number(value);
  if (!Number.isSafeInteger(address) || address < 0 || address > PHYS_ADDR_LIMIT) {
    throw new RangeError(`${value} is not a physical address`);
  }
  return address as PhysAddr;
}

/** `0x1ff00000` */
export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}

export function alignDown(value: number, alignment: number): number {
  return Math.floor(value / alignment) * alignment;
}

const SIZE_UNITS: Record<string, number> = { '': 1, K: KIB, M: MIB, G: GIB, T: 1024 * GIB };

/** `512M` → bytes. Binary units K, M, G, T, optionally followed by `iB` or `B`. Throws E_SIZE. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?$/i.exec(text.trim());
  const bytes = match ? Number(match[1]) * (SIZE_UNITS[match[2]!.toUpperCase()] ?? Number.NaN) : Number.NaN;
  if (!Number.isSafeInteger(bytes)) {
    throw new TorporError('E_SIZE', `“${text}” is not a size`, {
      facts: { text },
      hint: 'write a number with a unit, such as 512M or 4G',
    });
  }
  return bytes;
}

/** Bytes → the shortest exact form with at most one decimal: `512 MiB`, `1.5 GiB`. */
export function formatSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${units[unit]}`;
}

/** Bytes → the form that the kernel's memparse() reads, exact: `512M`, `64K`, `4100`. */
export function kernelSize(bytes: number): string {
  for (const [suffix, unit] of [
    ['G', GIB],
    ['M', MIB],
    ['K', KIB],
  ] as const) {
    if (bytes >= unit && bytes % unit === 0) return `${bytes / unit}${suffix}`;
  }
  return String(bytes);
}
