import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { MIB } from '../base/units.ts';
import type { BzImage } from './bzimage.ts';
import { checkJumpPathSound } from './jump-path.ts';
import { expandLz4 } from './lz4.ts';

export type Answer = 'yes' | 'no' | 'unknown';

/** What a kernel was built with, as far as it can be found out without running it. */
export interface KernelConfig {
  /** CONFIG_KEXEC_JUMP: the kernel can be left and re-entered. */
  readonly kexecJump: Answer;
  /** `4-level`: never uses 5-level paging. `5-level`: uses it where the processor has it. */
  readonly pagingMode: '4-level' | '5-level';
  /** Whether it survives coming back, from its machine code (kernel/jump-path.ts). */
  readonly jumpPath: 'sound' | 'unsound' | 'unknown';
  /** Where the answer comes from. */
  readonly source: 'image' | 'file' | 'none';
}

const START = 'IKCFG_ST';
const END = 'IKCFG_ED';
/** Of a decompressed kernel and of its configuration; a larger one is not looked into. */
const KERNEL_LIMIT = 256 * MIB;
const CONFIG_LIMIT = 8 * MIB;

/**
 * Finds a kernel's configuration: in the image itself (CONFIG_IKCONFIG, the way of the kernel's
 * scripts/extract-ikconfig), else in `configFile`, the text of the /boot/config-* beside it. Never
 * throws: what cannot be read (xz, lzo, bzip2 images; damaged ones) is `unknown`.
 */
export function findKernelConfig(
  kernelFile: Uint8Array,
  bzImage: BzImage,
  configFile: string | null = null,
): KernelConfig {
  const pagingMode = bzImage.fiveLevelPaging ? '5-level' : '4-level';
  const kernel = decompressPayload(
    kernelFile.subarray(bzImage.payloadOffset, bzImage.payloadOffset + bzImage.payloadBytes),
  );
  const inside = kernel === null ? null : readEmbeddedConfig(kernel);
  const config = inside ?? configFile;
  const kexecJump = config === null ? 'unknown' : parseOption(config, 'CONFIG_KEXEC_JUMP');
  const source = inside === null ? (config === null ? 'none' : 'file') : 'image';
  // Without KEXEC_JUMP the code has no way back that could be judged.
  const judged = kernel === null || kexecJump !== 'yes' ? 'absent' : checkJumpPathSound(kernel).verdict;
  return { kexecJump, pagingMode, source, jumpPath: judged === 'absent' ? 'unknown' : judged };
}

/** Where the configuration of an installed or a freshly built kernel lies, most likely place first. */
export function configFilesOf(kernelPath: string, version: string): string[] {
  const folder = kernelPath.slice(0, kernelPath.lastIndexOf('/') + 1);
  const name = kernelPath.slice(folder.length);
  const release = version.split(' ')[0] ?? '';
  const paths = [name.startsWith('vmlinuz-') ? `${folder}config-${name.slice('vmlinuz-'.length)}` : ''];
  if (/^[\w.+~-]+$/.test(release)) paths.push(`${folder}config-${release}`, `/boot/config-${release}`);
  if (/arch\/x86(_64)?\/boot\/$/.test(folder))
    paths.push(folder.replace(/arch\/x86(_64)?\/boot\/$/, '.config'));
  return [...new Set(paths.filter((path) => path !== ''))];
}

/** `CONFIG_X=y` is yes; a kernel configuration that does not set an option has it off. */
function parseOption(config: string, name: string): Answer {
  if (new RegExp(`^${name}=y$`, 'm').test(config)) return 'yes';
  // Without this option the text is not an x86-64 kernel configuration, or only a part of one.
  return /^CONFIG_X86_64=y$/m.test(config) ? 'no' : 'unknown';
}

function readEmbeddedConfig(kernel: Buffer): string | null {
  const start = kernel.indexOf(START);
  const end = start < 0 ? -1 : kernel.indexOf(END, start);
  if (end < 0) return null;
  try {
    return gunzipSync(kernel.subarray(start + START.length, end), { maxOutputLength: CONFIG_LIMIT }).toString(
      'latin1',
    );
  } catch {
    return null;
  }
}

/** The vmlinux inside a bzImage, or null when Node cannot decompress it. */
function decompressPayload(payload: Uint8Array): Buffer | null {
  const starts = (...bytes: number[]): boolean => bytes.every((byte, index) => payload[index] === byte);
  try {
    if (starts(0x1f, 0x8b)) return gunzipSync(payload, { maxOutputLength: KERNEL_LIMIT });
    if (starts(0x28, 0xb5, 0x2f, 0xfd)) {
      // The build appends the size of the vmlinux, 4 bytes, to formats that do not end with it.
      return zstdDecompressSync(payload.subarray(0, -4), { maxOutputLength: KERNEL_LIMIT });
    }
    if (starts(0x02, 0x21, 0x4c, 0x18)) return expandLz4(payload, KERNEL_LIMIT);
    return starts(0x7f, 0x45, 0x4c, 0x46) ? Buffer.from(payload) : null;
  } catch {
    return null;
  }
}
