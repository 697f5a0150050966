import { defineStruct, u8, u16, u32, u64 } from '../base/struct.ts';

/**
 * The x86 setup header (Documentation/arch/x86/boot.rst, protocol 2.15, Linux 6.12). Its offsets
 * are the same in a bzImage file and in struct boot_params, so the table counts from their start.
 */
export const SETUP_HEADER = defineStruct('setup_header', 0x26c, {
  setupSectors: u8(0x1f1),
  /** Size of the protected-mode kernel in 16-byte units. */
  kernelParagraphs: u32(0x1f4),
  bootFlag: u16(0x1fe),
  jump: u8(0x200),
  /** The header ends at 0x202 plus this. */
  jumpDistance: u8(0x201),
  magic: u32(0x202),
  protocol: u16(0x206),
  /** Offset of the version text, less 0x200. */
  kernelVersion: u16(0x20e),
  loaderType: u8(0x210),
  loadFlags: u8(0x211),
  code32Start: u32(0x214),
  ramdiskImage: u32(0x218),
  ramdiskSize: u32(0x21c),
  commandLine: u32(0x228),
  /** The highest address of the last byte of an initrd, for kernels without ABOVE_4G. */
  initrdAddressMax: u32(0x22c),
  kernelAlignment: u32(0x230),
  relocatable: u8(0x234),
  extendedLoadFlags: u16(0x236),
  /** Longest command line without its final zero byte. */
  commandLineMax: u32(0x238),
  hardwareSubarch: u32(0x23c),
  payloadOffset: u32(0x248),
  payloadLength: u32(0x24c),
  setupData: u64(0x250),
  prefAddress: u64(0x258),
  /** Memory that the kernel needs from its load address until it runs. */
  initSize: u32(0x260),
});

export const SETUP_HEADER_OFFSET = 0x1f1;
/** The header of any protocol ends before this: edd_mbr_sig_buffer follows in struct boot_params. */
export const SETUP_HEADER_LIMIT = 0x290;

export const BOOT_FLAG = 0xaa55;
/** `HdrS` */
export const HEADER_MAGIC = 0x5372_6448;
/** 2.12 brought xloadflags (Linux 3.8). */
export const MINIMUM_PROTOCOL = 0x020c;

/** Bits of extendedLoadFlags (arch/x86/include/uapi/asm/bootparam.h). */
export const XLF = {
  kernel64: 1 << 0,
  above4G: 1 << 1,
  fiveLevel: 1 << 5,
  fiveLevelEnabled: 1 << 6,
} as const;

/** The protected-mode kernel starts with 512 bytes of 32-bit code; then the 64-bit entry point. */
export const ENTRY_64_OFFSET = 0x200;
