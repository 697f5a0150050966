import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { withLock } from './lock.ts';
import { type ReportBuild, reportNothing } from './progress.ts';

/** Values that a cache key is made of. */
export type CacheInput =
  | string
  | number
  | boolean
  | null
  | readonly CacheInput[]
  | { readonly [key: string]: CacheInput };

export type CacheInputs = Readonly<Record<string, CacheInput>>;

interface CacheOptions {
  readonly signal?: AbortSignal | undefined;
  /** Where the cache is; `cacheRoot()` by default. */
  readonly root?: string;
}

interface Manifest {
  readonly format: 1;
  readonly kind: string;
  readonly key: string;
  readonly inputs: CacheInputs;
  readonly buildSeconds: number;
}

/** $TORPOR_CACHE, else torpor in $XDG_CACHE_HOME or ~/.cache. Nothing in the tree is ever written. */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env): string {
  return env.TORPOR_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'torpor');
}

/**
 * The directory that `build` filled for these inputs, now or earlier. It builds into a directory
 * beside and renames it when it is whole, so what is found is always whole; two processes never
 * build the same thing at once. The inputs stand in its manifest.json.
 * A file that matters is an input by its `hashFile()`.
 */
export async function cached(
  kind: string,
  inputs: CacheInputs,
  build: (directory: string, report: ReportBuild) => Promise<void>,
  report: ReportBuild = reportNothing,
  options: CacheOptions = {},
): Promise<string> {
  const key = hashInputs(inputs);
  const shelf = join(options.root ?? cacheRoot(), kind);
  const place = join(shelf, key);
  if (await isWhole(place, key)) {
    await noteUse(place);
    return place;
  }
  return await withLock(
    join(shelf, `${key}.lock`),
    async () => {
      if (await isWhole(place, key)) return place;
      const prefix = `.${key}.`;
      // Whatever stands here was left by a builder that died: the lock is ours.
      const leftovers = (await readdir(shelf)).filter((name) => name === key || name.startsWith(prefix));
      for (const name of leftovers) await rm(join(shelf, name), { recursive: true, force: true });
      const workshop = join(shelf, `${prefix}${randomBytes(4).toString('hex')}`);
      await mkdir(workshop);
      try {
        const started = performance.now();
        await build(workshop, report);
        const buildSeconds = Math.round((performance.now() - started) / 100) / 10;
        const manifest: Manifest = { format: 1, kind, key, inputs, buildSeconds };
        await writeFile(manifestPath(workshop), `${JSON.stringify(manifest, null, 2)}\n`);
        await rename(workshop, place);
      } catch (error) {
        await rm(workshop, { recursive: true, force: true });
        throw error;
      }
      return place;
    },
    { report, signal: options.signal },
  );
}

/** The SHA-256 of the inputs as canonical JSON (keys sorted, no spaces), as hex. */
export function hashInputs(inputs: CacheInputs): string {
  return createHash('sha256').update(encodeCanonical(inputs)).digest('hex');
}

/** The SHA-256 of a file's content, as hex. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

function encodeCanonical(value: CacheInput): string {
  if (Array.isArray(value)) return `[${value.map(encodeCanonical).join(',')}]`;
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new RangeError(`${value} is no cache input`);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${encodeCanonical(item)}`).join(',')}}`;
}

/** What makes the entry at `place` a whole one; its time is that of the last use. */
export function manifestPath(place: string): string {
  return join(place, 'manifest.json');
}

/** A cache that cannot be written is good for reading all the same. */
async function noteUse(place: string): Promise<void> {
  const now = new Date();
  await utimes(manifestPath(place), now, now).catch(() => {});
}

async function isWhole(place: string, key: string): Promise<boolean> {
  try {
    return (JSON.parse(await readFile(manifestPath(place), 'utf8')) as Manifest).key === key;
  } catch {
    return false;
  }
}
