import { defineStruct, u8, u16, u32, u64 } from '../base/struct.ts';
import type { PhysAddr } from '../base/units.ts';
import { encodeE820 } from '../memory/e820.ts';
import type { FirmwareMap } from '../memory/memory-plan.ts';
import { SETUP_HEADER, SETUP_HEADER_OFFSET } from './setup-header.ts';

/**
 * struct boot_params, the “zero page” (arch/x86/include/uapi/asm/bootparam.h, Linux 6.12), outside
 * its setup header and e820 table. boot-params.test.ts has the offsets as a C compiler gave them.
 */
export const BOOT_PARAMS = defineStruct('boot_params', 4096, {
  /** screen_info.ext_mem_k: memory above 1 MiB as old firmware counted it. */
  screenExtMemKib: u16(0x002),
  acpiRsdp: u64(0x070),
  ramdiskImageHigh: u32(0x0c0),
  ramdiskSizeHigh: u32(0x0c4),
  commandLineHigh: u32(0x0c8),
  e820Entries: u8(0x1e8),
  /** Must be 0: else the kernel believes the structure was not cleared and wipes parts of it. */
  sentinel: u8(0x1ef),
});

/** What a guest is told about the screen: as the running kernel was told it. */
const SCREEN_INFO = { start: 0x000, end: 0x040 };
const EDID_INFO = { start: 0x140, end: 0x1c0 };

const LOADER_OTHER = 0xff;

export interface BootParamsInput {
  /** The setup header: bytes [0x1f1, 0x1f1 + length) of the bzImage. */
  readonly header: Uint8Array;
  readonly loadAddress: PhysAddr;
  readonly commandLine: PhysAddr;
  /** Null for none. */
  readonly initrd: { readonly start: PhysAddr; readonly sizeBytes: number } | null;
  readonly memoryMap: FirmwareMap;
  /** 0: the kernel searches the BIOS area. */
  readonly acpiRsdp: PhysAddr;
  /** The boot_params of the running kernel, for its screen; null: no screen is described. */
  readonly bootParamsOfThisOs: Uint8Array | null;
}

/** Builds the 4096 bytes of a guest's boot_params. It gets no EFI: efi_info stays zero. */
export function encodeBootParams(input: BootParamsInput): Uint8Array {
  const page = new Uint8Array(BOOT_PARAMS.sizeBytes);
  const model = input.bootParamsOfThisOs;
  if (model !== null && model.byteLength >= BOOT_PARAMS.sizeBytes) {
    for (const part of [SCREEN_INFO, EDID_INFO]) page.set(model.subarray(part.start, part.end), part.start);
  }
  page.set(input.header, SETUP_HEADER_OFFSET);

  const initrdStart = BigInt(input.initrd?.start ?? 0);
  const initrdBytes = BigInt(input.initrd?.sizeBytes ?? 0);
  SETUP_HEADER.encodeInto(page, {
    loaderType: LOADER_OTHER,
    code32Start: low32(BigInt(input.loadAddress)),
    ramdiskImage: low32(initrdStart),
    ramdiskSize: low32(initrdBytes),
    commandLine: low32(BigInt(input.commandLine)),
    hardwareSubarch: 0,
    setupData: 0n,
  });
  BOOT_PARAMS.encodeInto(page, {
    screenExtMemKib: 0,
    acpiRsdp: BigInt(input.acpiRsdp),
    ramdiskImageHigh: high32(initrdStart),
    ramdiskSizeHigh: high32(initrdBytes),
    commandLineHigh: high32(BigInt(input.commandLine)),
    sentinel: 0,
  });
  encodeE820(page, input.memoryMap);
  return page;
}

const low32 = (value: bigint): number => Number(BigInt.asUintN(32, value));
const high32 = (value: bigint): number => Number(value >> 32n);
