import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { cached } from '../build/cache.ts';
import type { ReportBuild } from '../build/progress.ts';
import { encodeCpio, S_IFCHR, S_IFDIR, S_IFLNK, S_IFREG } from './cpio.ts';
import { hashOverlays, overlayPath } from './overlay.ts';
import { unpackPackages } from './packages.ts';

const RECIPE = 1;

/**
 * The initramfs that every OS of the lab starts with: it mounts the disk that `torpor.root=` names
 * (a disk's serial number, or LABEL=...) and the tool disk, and becomes the OS's init.
 */
export async function ensureInitramfs(report: ReportBuild): Promise<string> {
  const busybox = await unpackPackages(['busybox-static'], report);
  const overlay = await hashOverlays(['initramfs']);
  const place = await cached(
    'initramfs',
    { recipe: RECIPE, overlay, versions: busybox.versions },
    async (directory) => {
      report({ step: 'pack the initramfs' });
      const program = S_IFREG | 0o755;
      const archive = encodeCpio([
        { path: 'dev', mode: S_IFDIR | 0o755 },
        // Without it the kernel has no console to give to /init.
        { path: 'dev/console', mode: S_IFCHR | 0o600, device: { major: 5, minor: 1 } },
        { path: 'bin', mode: S_IFDIR | 0o755 },
        { path: 'bin/busybox', mode: program, data: await readFile(join(busybox.directory, 'bin/busybox')) },
        // What the kernel reads behind `#!`, before anything is installed.
        { path: 'bin/sh', mode: S_IFLNK | 0o777, data: Buffer.from('busybox') },
        { path: 'banner.awk', mode: S_IFREG | 0o644, data: await readOverlay('banner.awk') },
        { path: 'init', mode: program, data: await readOverlay('init') },
      ]);
      await writeFile(join(directory, 'initramfs.gz'), gzipSync(archive, { level: 9 }));
    },
    report,
  );
  return join(place, 'initramfs.gz');
}

async function readOverlay(name: string): Promise<Buffer> {
  return await readFile(join(overlayPath('initramfs'), name));
}
