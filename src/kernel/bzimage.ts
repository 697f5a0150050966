import { TorporError } from '../base/errors.ts';
import { hex, MIB, PAGE_BYTES } from '../base/units.ts';
import { describeOtherFile } from './other-file.ts';
import {
  BOOT_FLAG,
  HEADER_MAGIC,
  MINIMUM_PROTOCOL,
  SETUP_HEADER,
  SETUP_HEADER_LIMIT,
  XLF,
} from './setup-header.ts';

/** What a bzImage says about itself. Offsets count from the start of the file. */
export interface BzImage {
  /** `6.12.107 (build@host) #1 SMP …`; empty when the image has none. */
  readonly version: string;
  /** Boot protocol, `0x020f` for 2.15. */
  readonly protocol: number;
  /** The real-mode part, which only a BIOS boot loader uses. */
  readonly setupBytes: number;
  /** The setup header as it goes into boot_params: file bytes [0x1f1, headerEnd). */
  readonly headerEnd: number;
  /** The protected-mode kernel: what is put into memory. */
  readonly kernelOffset: number;
  readonly kernelBytes: number;
  /** The compressed vmlinux inside the protected-mode kernel; 0 bytes when it is not declared. */
  readonly payloadOffset: number;
  readonly payloadBytes: number;
  /** Memory that the kernel needs from its load address. */
  readonly initSizeBytes: number;
  /** It never runs below this, wherever it was loaded. */
  readonly prefAddress: number;
  readonly alignment: number;
  readonly commandLineMaxBytes: number;
  readonly initrdAddressMax: number;
  readonly above4G: boolean;
  /** Built with CONFIG_X86_5LEVEL: it switches to 5-level paging where the processor has it. */
  readonly fiveLevelPaging: boolean;
}

/**
 * Reads the header of a bzImage. Throws E_NOT_BZIMAGE, E_KERNEL_32BIT (no 64-bit entry point, or
 * a boot protocol before 2.12) and E_KERNEL_NOT_RELOCATABLE.
 */
export function decodeBzImage(file: Uint8Array): BzImage {
  if (file.byteLength < SETUP_HEADER_LIMIT) throw notBzImage(file, 'it is too short');
  const header = SETUP_HEADER.decode(file);
  if (header.bootFlag !== BOOT_FLAG || header.magic !== HEADER_MAGIC)
    throw notBzImage(file, 'it has no setup header');
  checkProtocol(header.protocol, header.extendedLoadFlags);
  if (header.relocatable === 0) {
    throw new TorporError(
      'E_KERNEL_NOT_RELOCATABLE',
      'the kernel runs only at the address it was linked for',
      {
        facts: { prefAddress: hex(header.prefAddress) },
        hint: 'use a kernel with CONFIG_RELOCATABLE=y',
      },
    );
  }

  const setupBytes = ((header.setupSectors || 4) + 1) * 512;
  const declaredBytes = header.kernelParagraphs * 16;
  if (declaredBytes === 0 || setupBytes + declaredBytes > file.byteLength) {
    throw damagedBzImage(file, `it is cut short: it declares ${setupBytes + declaredBytes} bytes`);
  }
  const kernelBytes = file.byteLength - setupBytes;
  if (header.payloadOffset + header.payloadLength > kernelBytes)
    throw damagedBzImage(file, 'its payload lies outside the file');
  const alignment = header.kernelAlignment;
  if (alignment < PAGE_BYTES || alignment > 1024 * MIB || (alignment & (alignment - 1)) !== 0) {
    throw damagedBzImage(file, `its alignment ${hex(alignment)} is impossible`);
  }
  if (header.initSize === 0) throw damagedBzImage(file, 'it declares no memory size');
  if (header.prefAddress > 0xffff_ffffn)
    throw damagedBzImage(file, `its address ${hex(header.prefAddress)} is impossible`);
  if (header.commandLineMax === 0) throw damagedBzImage(file, 'it accepts no command line');

  return {
    version: readVersion(file, header.kernelVersion, setupBytes),
    protocol: header.protocol,
    setupBytes,
    headerEnd: Math.min(0x202 + header.jumpDistance, SETUP_HEADER_LIMIT),
    kernelOffset: setupBytes,
    kernelBytes,
    payloadOffset: setupBytes + header.payloadOffset,
    payloadBytes: header.payloadLength,
    initSizeBytes: header.initSize,
    prefAddress: Number(header.prefAddress),
    alignment,
    commandLineMaxBytes: header.commandLineMax,
    initrdAddressMax: header.initrdAddressMax,
    above4G: (header.extendedLoadFlags & XLF.above4G) !== 0,
    fiveLevelPaging: (header.extendedLoadFlags & XLF.fiveLevelEnabled) !== 0,
  };
}

function checkProtocol(protocol: number, extendedLoadFlags: number): void {
  const name = `${protocol >> 8}.${protocol & 0xff}`;
  if (protocol < MINIMUM_PROTOCOL) {
    throw new TorporError('E_KERNEL_32BIT', `the kernel's boot protocol ${name} has no 64-bit entry point`, {
      facts: { protocol: name, needed: '2.12' },
      hint: 'use a kernel from Linux 3.8 on',
    });
  }
  if ((extendedLoadFlags & XLF.kernel64) === 0) {
    throw new TorporError('E_KERNEL_32BIT', 'the kernel was built for 32-bit processors', {
      facts: { protocol: name, xloadflags: hex(extendedLoadFlags) },
      hint: 'use an x86-64 kernel (CONFIG_X86_64=y)',
    });
  }
}

/** The text at `offset + 0x200`, if it lies inside the real-mode part. */
function readVersion(file: Uint8Array, offset: number, setupBytes: number): string {
  const start = offset + 0x200;
  if (offset === 0 || start >= setupBytes) return '';
  const end = file.indexOf(0, start);
  const limit = Math.min(setupBytes, start + 512);
  return Buffer.from(file.subarray(start, end < 0 ? limit : Math.min(end, limit))).toString('latin1');
}

/** A file with a setup header that is wrong: what other kinds of file it resembles does not matter. */
function damagedBzImage(file: Uint8Array, why: string): TorporError {
  return new TorporError('E_NOT_BZIMAGE', `this is a damaged bzImage: ${why}`, {
    facts: { bytes: file.byteLength, reason: why },
    hint: 'copy or build the kernel again',
  });
}

function notBzImage(file: Uint8Array, why: string): TorporError {
  const other = describeOtherFile(file);
  return new TorporError('E_NOT_BZIMAGE', `this is not an x86 bzImage: ${other?.what ?? why}`, {
    facts: { bytes: file.byteLength, reason: why },
    hint:
      other?.hint ?? 'give a kernel as it lies in /boot (vmlinuz-*) or arch/x86/boot/bzImage of a build tree',
  });
}
