import { checkJumpPathSound, JUMP_PATH_BYTES, type JumpPath } from '../kernel/jump-path.ts';
import type { Sys } from '../sys/sys.ts';

const KCORE = '/proc/kcore';
/** __START_KERNEL_map (arch/x86/include/asm/page_64_types.h): the kernel itself is mapped from here on. */
const KERNEL_MAP_START = 0xffff_ffff_8000_0000n;
/** KERNEL_IMAGE_SIZE with address randomisation, 1 GiB; the vsyscall page lies above. */
const KERNEL_MAP_END = 0xffff_ffff_c000_0000n;
/** Half of that; the modules' area, which may begin below the end, is larger. */
const IMAGE_LIMIT_BYTES = 0x2000_0000n;
const PIECE_BYTES = 1024 * 1024;
const ELF_HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const MAX_PROGRAM_HEADERS = 256;
const PT_LOAD = 1;

/** Where the file has the memory of the running kernel's image (text, data, bss). */
interface Image {
  readonly offset: bigint;
  readonly sizeBytes: number;
}

/**
 * Looks at the jump path of the running kernel in its memory, through /proc/kcore. Null when there
 * is none (CONFIG_PROC_KCORE=n); throws E_SYSCALL without root or under lockdown.
 */
export function readRunningJumpPath(sys: Sys): JumpPath | null {
  const image = findImage(sys);
  if (image === null) return null;
  for (let at = 0; at < image.sizeBytes; at += PIECE_BYTES) {
    const wanted = Math.min(PIECE_BYTES + JUMP_PATH_BYTES, image.sizeBytes - at);
    const piece = sys.readFileRange(KCORE, image.offset + BigInt(at), wanted);
    if (piece === null) return null;
    const path = checkJumpPathSound(piece);
    if (path.verdict !== 'absent') return { ...path, offset: at + path.offset };
  }
  return { verdict: 'absent', offset: -1 };
}

/** The program header of the kernel's image: fs/proc/kcore.c, proc_kcore_text_init (6.12). */
function findImage(sys: Sys): Image | null {
  const header = view(sys.readFileRange(KCORE, 0n, ELF_HEADER_BYTES));
  if (header === null || header.byteLength < ELF_HEADER_BYTES || header.getUint32(0) !== 0x7f454c46)
    return null;
  const tableOffset = header.getBigUint64(32, true);
  const count = Math.min(header.getUint16(56, true), MAX_PROGRAM_HEADERS);
  const table = view(sys.readFileRange(KCORE, tableOffset, count * PROGRAM_HEADER_BYTES));
  if (table === null || table.byteLength < count * PROGRAM_HEADER_BYTES) return null;
  for (let at = 0; at < count * PROGRAM_HEADER_BYTES; at += PROGRAM_HEADER_BYTES) {
    const address = table.getBigUint64(at + 16, true);
    const sizeBytes = table.getBigUint64(at + 40, true);
    if (table.getUint32(at, true) !== PT_LOAD) continue;
    if (address < KERNEL_MAP_START || address >= KERNEL_MAP_END || sizeBytes >= IMAGE_LIMIT_BYTES) continue;
    return { offset: table.getBigUint64(at + 8, true), sizeBytes: Number(sizeBytes) };
  }
  return null;
}

function view(bytes: Uint8Array | null): DataView | null {
  return bytes === null ? null : new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
