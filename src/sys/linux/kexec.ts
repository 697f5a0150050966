import { alignUp, PAGE_BYTES } from '../../base/units.ts';
import { allocate, lastErrno, syscall } from '../native.ts';
import type { KexecKind, KexecSegment } from '../sys.ts';
import { check, SYSTEM_CALL } from './call.ts';

// include/uapi/linux/kexec.h
const KEXEC_ARCH_X86_64 = 62 << 16;
const KEXEC_FLAGS: Record<KexecKind, number> = { leave: 0, crash: 1, jump: 2 };
const KEXEC_SEGMENT_BYTES = 32;

// include/uapi/linux/reboot.h
export const REBOOT_MAGIC1 = 0xfee1dead;
export const REBOOT_MAGIC2 = 672274793;
const REBOOT_CMD_KEXEC = 0x45584543;

export function rebootKexec(): void {
  check('reboot', syscall(SYSTEM_CALL.reboot, REBOOT_MAGIC1, REBOOT_MAGIC2, REBOOT_CMD_KEXEC, 0, 0, 0));
}

/** `struct kexec_segment` is {buf, bufsz, mem, memsz}, four 64-bit words (include/uapi/linux/kexec.h). */
export function kexecLoad(kind: KexecKind, entry: number, segments: readonly KexecSegment[]): void {
  const table = allocate(Math.max(1, segments.length) * KEXEC_SEGMENT_BYTES);
  const buffers = segments.map((segment) => allocate(alignUp(segment.bytes.length, PAGE_BYTES)));
  try {
    const view = new DataView(table.bytes.buffer, table.bytes.byteOffset);
    for (const [index, segment] of segments.entries()) {
      const buffer = buffers[index]!;
      buffer.bytes.set(segment.bytes);
      const words = [buffer.address, segment.bytes.length, segment.destination, buffer.bytes.length].map(
        BigInt,
      );
      words.forEach((word, at) => {
        view.setBigUint64(index * KEXEC_SEGMENT_BYTES + at * 8, word, true);
      });
    }
    const flags = KEXEC_ARCH_X86_64 | KEXEC_FLAGS[kind];
    check('kexec_load', syscall(SYSTEM_CALL.kexecLoad, entry, segments.length, table.address, flags, 0, 0));
  } finally {
    for (const mapping of [table, ...buffers]) mapping.unmap();
  }
}

/** No process has this page: the kernel's half of the addresses. */
const UNREADABLE = 0xffff_ffff_ffff_f000n;

export function probeKexecJump(): string {
  // SAFETY: one segment that cannot be copied in: EFAULT before any image is touched, both with
  // memdup_user() (5.15 and later) and in kimage_alloc_init() (before). Zero segments would unload.
  const flags = KEXEC_ARCH_X86_64 | KEXEC_FLAGS.jump;
  const result = syscall(SYSTEM_CALL.kexecLoad, 0, 1, UNREADABLE, flags, 0, 0);
  return result >= 0 ? '' : lastErrno();
}
