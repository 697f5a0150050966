import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TorporError } from '../../src/base/errors.ts';
import { cacheRoot } from './cache.ts';
import { withLock } from './lock.ts';
import { openPrivateApt, type PrivateApt } from './private-apt.ts';
import { type ReportBuild, reportNothing } from './progress.ts';

export { debianMirror } from './debian-mirror.ts';

export interface PackageRequest {
  /** `bookworm`, `trixie-backports`, `sid`, ... */
  readonly suite: string;
  readonly name: string;
  /** Takes the newest version that begins so; the newest of all by default. */
  readonly versionPrefix?: string;
}

interface PackageOptions {
  readonly report?: ReportBuild;
  readonly signal?: AbortSignal | undefined;
}

export interface PackageVersion {
  readonly suite: string;
  readonly name: string;
  /** Debian's full version, such as `6.12.107-1`. */
  readonly version: string;
}

export interface DownloadedPackage extends PackageVersion {
  readonly path: string;
}

/**
 * The newest version of a package that the suite holds, or undefined. Touches nothing of the
 * machine's apt. Looks at lists of at most a week's age, older ones when there is no network.
 */
export async function findPackage(
  request: PackageRequest,
  options: PackageOptions = {},
): Promise<PackageVersion | undefined> {
  const apt = await openPrivateApt(request.suite);
  await apt.update(options.report ?? reportNothing, { signal: options.signal });
  return await selectVersion(apt, request);
}

/** The package file, in the cache. Throws E_LAB_MISSING when the suite does not hold it. */
export async function downloadPackage(
  request: PackageRequest,
  options: PackageOptions = {},
): Promise<DownloadedPackage> {
  const { report = reportNothing, signal } = options;
  const shelf = join(cacheRoot(), 'packages', request.suite);
  await mkdir(shelf, { recursive: true });
  const apt = await openPrivateApt(request.suite);
  await apt.update(report, { signal });
  return await withLock(
    join(shelf, `${request.name}.lock`),
    async () => {
      const found = await selectVersion(apt, request);
      if (found !== undefined) {
        const path = join(shelf, fileName(found));
        const known = await access(path).then(
          () => true,
          () => false,
        );
        if (known) return { ...found, path };
        try {
          return await fetchInto(apt, found, path, options);
        } catch (error) {
          signal?.throwIfAborted();
          report({
            step: `look again: ${found.name} ${found.version} did not come (${(error as Error).message})`,
          });
        }
      }
      // The archive drops a version when the next one comes: the lists may be the older ones.
      await apt.update(report, { force: true, signal });
      const latest = await selectVersion(apt, request);
      if (latest === undefined) throw missingPackage(request, apt);
      return await fetchInto(apt, latest, join(shelf, fileName(latest)), options);
    },
    { report, signal },
  );
}

async function fetchInto(
  apt: PrivateApt,
  found: PackageVersion,
  path: string,
  { report = reportNothing, signal }: PackageOptions,
): Promise<DownloadedPackage> {
  report({ step: `download ${found.name} ${found.version}` });
  const directory = await mkdtemp(`${path}.`);
  try {
    // apt checks the file against the signed list before it leaves it there.
    await apt.run('apt-get', ['download', `${found.name}=${found.version}`], { cwd: directory, signal });
    const [file] = await readdir(directory);
    if (file === undefined) throw new Error(`apt-get download left no file for ${found.name}`);
    await rename(join(directory, file), path);
    return { ...found, path };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function selectVersion(apt: PrivateApt, request: PackageRequest): Promise<PackageVersion | undefined> {
  const { suite, name, versionPrefix = '' } = request;
  // `apt-cache madison`: one `name | version | where` per version, the newest first.
  const rows = (await apt.run('apt-cache', ['madison', name])).split('\n').map((row) => row.split('|'));
  const versions = rows.filter(([found]) => found?.trim() === name).map((row) => row[1]?.trim() ?? '');
  const version = versions.find((candidate) => candidate.startsWith(versionPrefix));
  return version === undefined ? undefined : { suite, name, version };
}

function fileName({ name, version }: PackageVersion): string {
  return `${name}_${version.replaceAll(':', '%3a')}.deb`;
}

function missingPackage(request: PackageRequest, apt: PrivateApt): TorporError {
  const { suite, name, versionPrefix = '' } = request;
  return new TorporError('E_LAB_MISSING', `Debian's ${suite} holds no ${name} ${versionPrefix}`.trimEnd(), {
    facts: { suite, package: name, versionPrefix, mirror: apt.mirror },
    hint: 'name another mirror with TORPOR_DEBIAN_MIRROR, or another suite',
  });
}
