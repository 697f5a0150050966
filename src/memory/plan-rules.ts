import { GIB, KIB, MIB } from '../base/units.ts';

/** The figures behind planMemory and checkPlan. docs/formats/memory-plan.md lists the rules. */

export const MAX_GUESTS = 15;
export const SWITCHBOARD_SIZE_BYTES = MIB;
export const SLOT_ALIGNMENT = 2 * MIB;
/** The slot header and 16 MiB before the kernel, a small kernel while it unpacks, and an initrd. */
export const MIN_SLOT_BYTES = 64 * MIB;

/**
 * The code of the kernel's address randomisation honours four memmap= regions and ignores the
 * others (MAX_MEMMAP_REGIONS in arch/x86/boot/compressed/kaslr.c, Linux 6.12). One is for the low
 * slices.
 */
export const MAX_RESERVATIONS = 4;
export const MAX_HIGH_RESERVATIONS = MAX_RESERVATIONS - 1;

/** Every kernel reserves the first 64 KiB (early_reserve_memory in arch/x86/kernel/setup.c). */
export const LOW_START = 64 * KIB;
/** BIOS_START_MAX of arch/x86/kernel/ebda.c: kernels take no RAM from here to 1 MiB. */
export const LOW_END = 0x9f000;
export const DEFAULT_LOW_SLICE_BYTES = 64 * KIB;
/**
 * What a kernel needs below 640 KiB: the real-mode code for its other processors (25,188 bytes in
 * 6.12: 28 KiB of pages, arch/x86/realmode/init.c) and, before that, two pages to switch to
 * 5-level paging (TRAMPOLINE_32BIT_SIZE). 48 KiB leaves a quarter for later kernels.
 */
export const MIN_LOW_SLICE_BYTES = 48 * KIB;

/** What home keeps: this much RAM, of it the place where its kernel is loaded. */
export const MIN_HOME_BYTES = 256 * MIB;
export const HOME_KERNEL = { start: 16 * MIB, end: 144 * MIB } as const;

/**
 * Left free at the top of a usable range where there is room: firmware puts tables there that only
 * home knows of (EFI boot services data, marked usable in the e820 map).
 */
export const TOP_MARGIN_BYTES = 64 * MIB;

/** Above this, a device with 32-bit DMA cannot reach a guest's memory. */
export const DMA32_LIMIT = 4 * GIB;
