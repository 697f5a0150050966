import type { Dirent } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { manifestPath } from './cache.ts';
import { withLock } from './lock.ts';

/** Something that was built and is kept. */
export interface CacheEntry {
  /** What it is, such as `kernel`. */
  readonly kind: string;
  readonly key: string;
  /** What it takes on the disk. */
  readonly bytes: number;
  /** When it was built or last found. */
  readonly usedMs: number;
}

const BLOCK_BYTES = 512;

/** All that the cache has whole, those unused for longest first. A cache that is not there is an empty one. */
export async function listCache(root: string): Promise<CacheEntry[]> {
  const entries: CacheEntry[] = [];
  for (const { name: kind } of await directoriesIn(root)) {
    for (const { name: key } of await directoriesIn(join(root, kind))) {
      // Others are being built, or no work of cached().
      const manifest = await stat(manifestPath(join(root, kind, key))).catch(() => null);
      if (manifest === null) continue;
      entries.push({ kind, key, bytes: await sizeOnDisk(join(root, kind, key)), usedMs: manifest.mtimeMs });
    }
  }
  return entries.toSorted((a, b) => a.usedMs - b.usedMs);
}

/** Removes an entry; who wants it later builds it again. */
export async function removeEntry(root: string, { kind, key }: CacheEntry): Promise<void> {
  const place = join(root, kind, key);
  await withLock(`${place}.lock`, async () => {
    // First: what is left when this is interrupted is no entry any more, and goes when it is built again.
    await rm(manifestPath(place), { force: true });
    await rm(place, { recursive: true, force: true });
  });
}

async function directoriesIn(path: string): Promise<Dirent[]> {
  const found = await readdir(path, { withFileTypes: true }).catch(() => []);
  return found.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'));
}

/** Images of disks are sparse. */
async function sizeOnDisk(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).blocks * BLOCK_BYTES;
  }
  return bytes;
}
