/** What a file is that was given in place of a bzImage, by its first bytes. */
export interface OtherFile {
  readonly what: string;
  readonly hint: string;
}

const VMLINUZ = 'give the bzImage: /boot/vmlinuz-* or arch/x86/boot/bzImage of the build tree';

/** Recognises the files that people mistake for a bzImage. Null for anything else. */
export function describeOtherFile(file: Uint8Array): OtherFile | null {
  const starts = (...bytes: number[]): boolean => bytes.every((byte, index) => file[index] === byte);
  const textAt = (offset: number, length: number): string =>
    Buffer.from(file.subarray(offset, offset + length)).toString('latin1');

  if (file.byteLength === 0) return { what: 'it is empty', hint: VMLINUZ };
  if (starts(0x7f, 0x45, 0x4c, 0x46)) return { what: 'it is an ELF file, such as a vmlinux', hint: VMLINUZ };
  if (textAt(4, 4) === 'zimg' || (starts(0x4d, 0x5a) && textAt(0x38, 4) === 'ARMd')) {
    return { what: 'it is a kernel of another architecture', hint: 'use an x86-64 kernel' };
  }
  if (starts(0x1f, 0x8b))
    return { what: 'it is a gzip file: an initrd or a kernel of another architecture', hint: VMLINUZ };
  if (starts(0x28, 0xb5, 0x2f, 0xfd)) return { what: 'it is a zstd file, probably an initrd', hint: VMLINUZ };
  if (textAt(0, 6) === '070701') return { what: 'it is a cpio archive: an initrd', hint: VMLINUZ };
  if (starts(0x4d, 0x5a)) {
    return {
      what: 'it is an EFI program without a setup header, such as a unified kernel image',
      hint: 'take the kernel out with `objcopy -O binary --only-section=.linux FILE vmlinuz`',
    };
  }
  return null;
}
