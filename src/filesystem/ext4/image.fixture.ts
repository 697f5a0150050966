import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DiskReader } from '../disk-reader.ts';

const MKE2FS = '/usr/sbin/mke2fs';
const DEBUGFS = '/usr/sbin/debugfs';

/** Filesystems are made by e2fsprogs themselves where they are installed. */
export const HAS_E2FSPROGS = existsSync(MKE2FS) && existsSync(DEBUGFS);

/** A fresh ext4 image of `sizeKib` KiB; `commands` are debugfs's. */
export function makeExt4(
  sizeKib: number,
  options: readonly string[] = [],
  commands: readonly string[] = [],
): Uint8Array {
  const root = mkdtempSync(join(tmpdir(), 'torpor-ext4-'));
  try {
    const image = join(root, 'image');
    writeFileSync(join(root, 'file'), Buffer.alloc(300_000, 0x5a));
    execFileSync(
      MKE2FS,
      ['-q', '-F', ...(options.includes('-t') ? [] : ['-t', 'ext4']), ...options, image, `${sizeKib}k`],
      { stdio: 'ignore' },
    );
    for (const command of ['write file file', ...commands])
      execFileSync(DEBUGFS, ['-w', '-R', command, image], { stdio: 'ignore', cwd: root });
    return readFileSync(image);
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** What an image is when a further file has been written to it. */
export function addFile(image: Uint8Array, name: string, content: Uint8Array): Uint8Array {
  const root = mkdtempSync(join(tmpdir(), 'torpor-ext4-'));
  try {
    const path = join(root, 'image');
    writeFileSync(path, image);
    writeFileSync(join(root, name), content);
    execFileSync(DEBUGFS, ['-w', '-R', `write ${name} ${name}`, path], { stdio: 'ignore', cwd: root });
    return readFileSync(path);
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** Block numbers from 1 on that debugfs calls used; it has no name for block 0. */
export function usedBlocksOf(image: Uint8Array, blocks: number): Set<number> {
  const root = mkdtempSync(join(tmpdir(), 'torpor-ext4-'));
  try {
    const path = join(root, 'image');
    writeFileSync(path, image);
    const text = execFileSync(DEBUGFS, ['-R', `testb 1 ${blocks - 1}`, path], {
      encoding: 'utf8',
      maxBuffer: 64 * 2 ** 20,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const used = new Set(
      [...text.matchAll(/^Block (\d+) marked in use$/gm)].map(([, block]) => Number(block)),
    );
    if (used.size === 0) throw new Error('debugfs said nothing of any block');
    return used;
  } finally {
    rmSync(root, { recursive: true });
  }
}

export function diskOf(bytes: Uint8Array): DiskReader {
  return {
    sizeBytes: bytes.length,
    read(offset, into) {
      if (offset < 0 || offset + into.length > bytes.length)
        throw new RangeError('behind the end of the disk');
      into.set(bytes.subarray(offset, offset + into.length));
    },
  };
}
