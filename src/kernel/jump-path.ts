/** What the machine code of a kernel says about coming back through KEXEC_JUMP. */
export interface JumpPath {
  /**
   * `sound`: the GDT is loaded again on return. `unsound`: it is not, and the kernel goes on with
   * the limit 0 that it had when it left: the next load of a segment register is a fault without
   * handlers. `absent`: no return path was found in these bytes.
   */
  readonly verdict: 'sound' | 'unsound' | 'absent';
  /** Offset of the return path in the bytes; -1 when absent. */
  readonly offset: number;
}

/**
 * `mov %rax,%cr3; mov %r8,%cr0`, the last writes of virtual_mapped in
 * arch/x86/kernel/relocate_kernel_64.S; the same in 6.1.192, 6.12.117 and, with variables instead
 * of the control page's offsets before it, from 6.14 on.
 */
const RESTORE_CONTROL_REGISTERS = Buffer.from('0f22d8410f22c0', 'hex');
/** `mov %rbp,%rax; popf; pop %r15, %r14, %r13, %r12, %rbp, %rbx`, in both encodings of the move. */
const RETURN = ['4889e89d415f415e415d415c5d5b', '488bc59d415f415e415d415c5d5b'].map((code) =>
  Buffer.from(code, 'hex'),
);
/** Between the two stand at most a move of 10 bytes and an lgdt of 8. */
const GAP_BYTES = 32;

/** Bytes that {@link checkJumpPathSound} must see together: overlap for readers of pieces. */
export const JUMP_PATH_BYTES = RESTORE_CONTROL_REGISTERS.length + GAP_BYTES + RETURN[0]!.length;

/**
 * Looks in kernel code (a decompressed vmlinux, or the text of a running kernel) for the code that
 * a jump comes back to, and whether it loads the GDT: commit “x86/kexec: Restore GDT on return
 * from ::preserve_context kexec”, v6.13-rc, stable 6.12.5. In both, the load is compiled only with
 * CONFIG_KEXEC_JUMP: ask this only of kernels that have it.
 */
export function checkJumpPathSound(code: Uint8Array): JumpPath {
  const bytes = Buffer.from(code.buffer, code.byteOffset, code.byteLength);
  for (
    let offset = bytes.indexOf(RESTORE_CONTROL_REGISTERS);
    offset >= 0;
    offset = bytes.indexOf(RESTORE_CONTROL_REGISTERS, offset + 1)
  ) {
    const start = offset + RESTORE_CONTROL_REGISTERS.length;
    const rest = bytes.subarray(start, start + GAP_BYTES + RETURN[0]!.length);
    const gapBytes = Math.max(...RETURN.map((code) => rest.indexOf(code)));
    if (gapBytes < 0) continue;
    return { verdict: loadsGdt(rest.subarray(0, gapBytes)) ? 'sound' : 'unsound', offset };
  }
  return { verdict: 'absent', offset: -1 };
}

/** LGDT is 0F 01 /2 with a memory operand (Intel SDM vol. 2, LGDT/LIDT). */
function loadsGdt(code: Uint8Array): boolean {
  return code.some((byte, at) => {
    const modRm = code[at + 2] ?? 0;
    return byte === 0x0f && code[at + 1] === 0x01 && ((modRm >> 3) & 7) === 2 && modRm >> 6 !== 3;
  });
}
