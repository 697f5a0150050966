import { cp, readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hashInputs } from '../build/cache.ts';

export type OverlayName =
  | 'initramfs'
  | 'tools'
  | 'busybox'
  | 'tiny'
  | 'monitor'
  | 'debian'
  | 'debian12'
  | 'debian13';

export function overlayPath(name: OverlayName): string {
  return join(import.meta.dirname, 'overlay', name);
}

/** Lays an overlay over a directory; who owns the files is not copied. No overlay is an empty one. */
export async function copyOverlay(name: OverlayName, directory: string): Promise<void> {
  if (!(await exists(overlayPath(name)))) return;
  await cp(overlayPath(name), directory, { recursive: true, verbatimSymlinks: true });
}

/** Paths, types, execute bits and contents of overlays, as one hash. */
export async function hashOverlays(names: readonly OverlayName[]): Promise<string> {
  const files: [string, string, string][] = [];
  for (const name of names) {
    const root = overlayPath(name);
    if (!(await exists(root))) continue;
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      const place = path.slice(root.length);
      if (entry.isSymbolicLink()) files.push([place, 'link', await readlink(path)]);
      if (!entry.isFile()) continue;
      const { mode } = await stat(path);
      files.push([place, mode & 0o100 ? 'program' : 'file', await readFile(path, 'latin1')]);
    }
  }
  return hashInputs({ files: files.toSorted((a, b) => (a[0] < b[0] ? -1 : 1)) });
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
