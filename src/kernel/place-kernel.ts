import { TorporError } from '../base/errors.ts';
import { sizeOf } from '../base/ranges.ts';
import { alignDown, alignUp, formatSize, MIB, PAGE_BYTES, type PhysAddr, physAddr } from '../base/units.ts';
import type { FirmwareMap, MemoryPlan, SlotPlan } from '../memory/memory-plan.ts';
import { encodeBootParams } from './boot-params.ts';
import type { BzImage } from './bzimage.ts';
import { guestMemoryMap, SLOT_HEADER_BYTES } from './guest-memory-map.ts';
import { ENTRY_64_OFFSET, SETUP_HEADER_OFFSET } from './setup-header.ts';

/** In the slot header; the pages before belong to the jump stub. */
export const BOOT_PARAMS_OFFSET = 0x2000;
export const COMMAND_LINE_OFFSET = 0x4000;
const COMMAND_LINE_ROOM = SLOT_HEADER_BYTES - COMMAND_LINE_OFFSET;
/** Distance of the kernel from the start of its slot, as from the start of memory on a PC. */
const KERNEL_DISTANCE = 16 * MIB;

/** Bytes for memory: every write lies inside the slot, and no two overlap. */
export interface MemoryWrite {
  readonly destination: PhysAddr;
  readonly bytes: Uint8Array;
}

/** A kernel ready to be put into memory: the first jump goes to `entry` with `bootParams` in %rsi. */
export interface PlacedKernel {
  readonly entry: PhysAddr;
  readonly bootParams: PhysAddr;
  readonly writes: readonly MemoryWrite[];
}

export interface PlaceKernelInput {
  readonly kernelFile: Uint8Array;
  readonly bzImage: BzImage;
  readonly initrd: Uint8Array | null;
  readonly commandLine: string;
  readonly slot: SlotPlan;
  readonly plan: MemoryPlan;
  readonly firmware: FirmwareMap;
  readonly acpiRsdp: PhysAddr;
  readonly bootParamsOfThisOs: Uint8Array | null;
}

/**
 * Plans where a guest's kernel, initrd, arguments and boot_params go. The rest of the slot must be
 * zero. Throws E_KERNEL_TOO_LARGE, E_INITRD_TOO_LARGE, E_CMDLINE_TOO_LONG, and the codes of
 * guestMemoryMap.
 */
export function placeKernel(input: PlaceKernelInput): PlacedKernel {
  const { bzImage, kernelFile, slot } = input;
  const load = placeImage(bzImage, slot);
  const initrd = placeInitrd(input, load);
  const commandLine = encodeCommandLine(input.commandLine, bzImage);
  const bootParams = physAddr(slot.memory.start + BOOT_PARAMS_OFFSET);
  const commandLineAddress = physAddr(slot.memory.start + COMMAND_LINE_OFFSET);
  const page = encodeBootParams({
    header: kernelFile.subarray(SETUP_HEADER_OFFSET, bzImage.headerEnd),
    loadAddress: load,
    commandLine: commandLineAddress,
    initrd: initrd === null ? null : { start: initrd.destination, sizeBytes: initrd.bytes.byteLength },
    memoryMap: guestMemoryMap(input.firmware, input.plan, slot.index),
    acpiRsdp: input.acpiRsdp,
    bootParamsOfThisOs: input.bootParamsOfThisOs,
  });
  const kernel = kernelFile.subarray(bzImage.kernelOffset, bzImage.kernelOffset + bzImage.kernelBytes);
  return {
    entry: physAddr(load + ENTRY_64_OFFSET),
    bootParams,
    writes: [
      { destination: bootParams, bytes: page },
      { destination: commandLineAddress, bytes: commandLine },
      { destination: load, bytes: kernel },
      ...(initrd === null ? [] : [initrd]),
    ],
  };
}

/** Memory that a kernel occupies from its load address until it runs by itself. */
function imageBytes(bzImage: BzImage): number {
  return Math.max(bzImage.initSizeBytes, bzImage.kernelBytes);
}

/**
 * The load address. It is never below prefAddress: the decompressor would move the kernel there,
 * into somebody else's memory (arch/x86/boot/compressed/head_64.S, LOAD_PHYSICAL_ADDR).
 */
function placeImage(bzImage: BzImage, slot: SlotPlan): PhysAddr {
  const load = alignUp(Math.max(slot.memory.start + KERNEL_DISTANCE, bzImage.prefAddress), bzImage.alignment);
  const end = load + imageBytes(bzImage);
  if (end > slot.memory.end) {
    const missing = end - slot.memory.end;
    throw new TorporError(
      'E_KERNEL_TOO_LARGE',
      `the kernel needs ${formatSize(alignUp(missing, MIB))} more than slot ${slot.index} has`,
      {
        facts: {
          slot: slot.index,
          slotBytes: sizeOf(slot.memory),
          kernelBytes: imageBytes(bzImage),
          missingBytes: missing,
        },
        hint: 'boot it in a larger slot; `torpor plan` makes one',
      },
    );
  }
  if (!bzImage.above4G && end > 2 ** 32) {
    throw new TorporError(
      'E_KERNEL_NOT_RELOCATABLE',
      `the kernel cannot be loaded above 4 GiB, where slot ${slot.index} is`,
      {
        facts: { slot: slot.index, loadAddress: load },
        hint: 'use a slot below 4 GiB (`torpor plan --below-4g`) or a kernel with CONFIG_RELOCATABLE=y',
      },
    );
  }
  return physAddr(load);
}

/** High in the slot, page-aligned, behind the kernel's room. */
function placeInitrd({ initrd, bzImage, slot }: PlaceKernelInput, load: PhysAddr): MemoryWrite | null {
  if (initrd === null || initrd.byteLength === 0) return null;
  const limit = bzImage.above4G ? slot.memory.end : Math.min(slot.memory.end, bzImage.initrdAddressMax + 1);
  const destination = alignDown(limit - initrd.byteLength, PAGE_BYTES);
  const missing = alignUp(load + imageBytes(bzImage), PAGE_BYTES) - destination;
  if (missing > 0) {
    throw new TorporError(
      'E_INITRD_TOO_LARGE',
      `the initrd of ${formatSize(initrd.byteLength)} does not fit slot ${slot.index} beside the kernel: ${formatSize(alignUp(missing, MIB))} are missing`,
      {
        facts: {
          slot: slot.index,
          slotBytes: sizeOf(slot.memory),
          initrdBytes: initrd.byteLength,
          missingBytes: missing,
        },
        hint: 'boot it in a larger slot, or make a smaller initrd (MODULES=dep in Debian)',
      },
    );
  }
  return { destination: physAddr(destination), bytes: initrd };
}

/** UTF-8 with its final zero byte. */
function encodeCommandLine(text: string, bzImage: BzImage): Uint8Array {
  const encoded = Buffer.from(text.replaceAll(/[\0\n\r]/g, ' '), 'utf8');
  const limit = Math.min(bzImage.commandLineMaxBytes, COMMAND_LINE_ROOM - 1);
  if (encoded.byteLength > limit) {
    throw new TorporError(
      'E_CMDLINE_TOO_LONG',
      `the kernel command line has ${encoded.byteLength} bytes; this kernel accepts ${limit}`,
      {
        facts: { bytes: encoded.byteLength, limit },
        hint: 'shorten the arguments of the OS (`torpor os show`)',
      },
    );
  }
  return Buffer.concat([encoded, Uint8Array.of(0)]);
}
