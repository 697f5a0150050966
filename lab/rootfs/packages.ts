import { join } from 'node:path';
import { cached } from '../build/cache.ts';
import { type DownloadedPackage, downloadPackage } from '../build/debian-archive.ts';
import type { ReportBuild } from '../build/progress.ts';
import { runProcess } from '../build/run-process.ts';

/** Where the programs and libraries of the lab's own images come from, whatever Debian builds them. */
const SUITE = 'bookworm';

export interface UnpackedPackages {
  readonly directory: string;
  /** `name=version`, what a cache key needs. */
  readonly versions: readonly string[];
}

/** The files of Debian packages, unpacked over each other in the cache; no script of theirs runs. */
export async function unpackPackages(
  names: readonly string[],
  report: ReportBuild,
  suite = SUITE,
): Promise<UnpackedPackages> {
  const packages: DownloadedPackage[] = [];
  for (const name of names) packages.push(await downloadPackage({ suite, name }, { report }));
  const versions = packages.map(({ name, version }) => `${name}=${version}`);
  const place = await cached(
    'unpacked',
    { versions },
    async (directory) => {
      for (const { path, name } of packages) {
        report({ step: `unpack ${name}` });
        await runProcess('dpkg-deb', ['--extract', path, join(directory, 'files')]);
      }
    },
    report,
  );
  return { directory: join(place, 'files'), versions };
}
