import { bytes, defineStruct, u32, u64 } from '../../base/struct.ts';
import { PAGE_BYTES, PHYS_ADDR_LIMIT } from '../../base/units.ts';

/**
 * Page 0 of a stream: struct swsusp_info (kernel/power/power.h) whose first bytes, the uts names, x86
 * overlays with struct restore_data_record (arch/x86/power/hibernate.c); the same in 6.1 and 6.12.
 */
const SWSUSP_INFO = defineStruct('swsusp_info', PAGE_BYTES, {
  jumpAddress: u64(0),
  jumpAddressPhys: u64(8),
  cr3: u64(16),
  magic: u64(24),
  e820Checksum: u64(32),
  physPages: u64(400),
  processors: u32(408),
  storedPages: u64(416),
  allPages: u64(424),
  sizeBytes: u64(432),
  unused: bytes(440, PAGE_BYTES - 440),
});

/** RESTORE_MAGIC of x86-64 since 4.20 (arch/x86/power/hibernate.c). */
const RESTORE_MAGIC = 0x2345_6789_abcd_ef02n;
/** Pages of 52-bit physical memory. */
export const MAX_PFN = PHYS_ADDR_LIMIT / PAGE_BYTES;

/** What the image's kernel says of itself, without the counts, which follow from the pages. */
export interface ImageKernel {
  /** Virtual address of restore_registers() in the image's kernel. */
  readonly jumpAddress: bigint;
  readonly jumpAddressPhys: bigint;
  /** Page tables of the image's kernel. */
  readonly cr3: bigint;
  /** CRC32 of the firmware's memory map as the kernel keeps it (compute_e820_crc32). */
  readonly e820Checksum: number;
  /** Pages of all memory that the kernel knew (get_num_physpages). */
  readonly physPages: number;
}

/** The counts of a stream's pages. */
export interface StreamCounts {
  /** Pages of the list of page frames. */
  readonly listPages: number;
  /** Pages of data. */
  readonly storedPages: number;
}

/** Decodes page 0. Throws RangeError when it is none, or of another architecture. */
export function decodeImageHeader(page: Uint8Array): ImageKernel & StreamCounts {
  const info = SWSUSP_INFO.decode(page);
  if (info.magic !== RESTORE_MAGIC) throw new RangeError('it does not begin as an image of x86-64 Linux');
  const allPages = asCount('pages', info.allPages);
  const storedPages = asCount('pages of data', info.storedPages);
  const listPages = allPages - storedPages - 1;
  if (listPages < 1) throw new RangeError(`of ${allPages} pages ${storedPages} cannot be data`);
  if (info.sizeBytes !== info.allPages * BigInt(PAGE_BYTES)) throw new RangeError('its size is wrong');
  if (info.e820Checksum > 0xffff_ffffn) throw new RangeError('its checksum has more than 32 bits');
  return {
    jumpAddress: info.jumpAddress,
    jumpAddressPhys: info.jumpAddressPhys,
    cr3: info.cr3,
    e820Checksum: Number(info.e820Checksum),
    physPages: asCount('pages of memory', info.physPages),
    listPages,
    storedPages,
  };
}

/** Encodes page 0 as a kernel reads it; uts names and processors, which none looks at, are zero. */
export function encodeImageHeader(kernel: ImageKernel, counts: StreamCounts): Uint8Array {
  const page = new Uint8Array(PAGE_BYTES);
  const allPages = BigInt(1 + counts.listPages + counts.storedPages);
  SWSUSP_INFO.encodeInto(page, {
    jumpAddress: kernel.jumpAddress,
    jumpAddressPhys: kernel.jumpAddressPhys,
    cr3: kernel.cr3,
    magic: RESTORE_MAGIC,
    e820Checksum: BigInt(kernel.e820Checksum),
    physPages: BigInt(kernel.physPages),
    storedPages: BigInt(counts.storedPages),
    allPages,
    sizeBytes: allPages * BigInt(PAGE_BYTES),
  });
  return page;
}

function asCount(what: string, value: bigint): number {
  if (value > BigInt(MAX_PFN)) throw new RangeError(`${value} ${what} are more than there can be`);
  return Number(value);
}
