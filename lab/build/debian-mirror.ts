import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AptSource, isDebianArchive, parseListFile, parseSourcesFile } from './apt-sources.ts';

/** Debian's own entrance to its content network, for machines that name no mirror. */
const DEFAULT_MIRROR = 'http://deb.debian.org/debian';

/**
 * The Debian mirror of this machine: $TORPOR_DEBIAN_MIRROR, else the one that its own apt uses,
 * else Debian's. Any suite of the archive is there. May be a `mirror+file:` address.
 */
export async function debianMirror(
  env: NodeJS.ProcessEnv = process.env,
  aptDirectory = '/etc/apt',
): Promise<string> {
  if (env.TORPOR_DEBIAN_MIRROR) return withoutSlash(env.TORPOR_DEBIAN_MIRROR);
  const source = (await readAptSources(aptDirectory)).find(isDebianArchive);
  return source === undefined ? DEFAULT_MIRROR : withoutSlash(source.uri);
}

/** In apt's order: sources.list, then the files of sources.list.d by name. */
async function readAptSources(directory: string): Promise<AptSource[]> {
  const parts = join(directory, 'sources.list.d');
  const names = (await readdir(parts).catch(() => [])).toSorted();
  const sources: AptSource[] = [];
  for (const path of [join(directory, 'sources.list'), ...names.map((name) => join(parts, name))]) {
    const text = await readFile(path, 'utf8').catch(() => '');
    if (path.endsWith('.list')) sources.push(...parseListFile(text));
    if (path.endsWith('.sources')) sources.push(...parseSourcesFile(text));
  }
  return sources;
}

function withoutSlash(uri: string): string {
  return uri.replace(/\/+$/, '');
}
