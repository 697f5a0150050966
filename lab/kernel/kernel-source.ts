import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TorporError } from '../../src/base/errors.ts';
import { debianMirror, downloadPackage, findPackage, type PackageVersion } from '../build/debian-archive.ts';
import type { ReportBuild } from '../build/progress.ts';
import { runProcess } from '../build/run-process.ts';
import type { KernelVersion } from './versions.ts';

interface SourceOptions {
  readonly report: ReportBuild;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Left packed, a third of the files: code of other architectures (their Kconfig files are read),
 * register tables of one GPU family, the kernel's own tests and its prose.
 */
const UNNEEDED = [
  'linux-source-*/arch/[!x]*/*.[chSd]*',
  'linux-source-*/drivers/gpu/drm/amd/include/*',
  'linux-source-*/tools/testing/*.[chS]',
  'linux-source-*/Documentation/*.[rtyd]*',
];

/** The source package of a kernel in the first of its suites that holds it. Throws E_LAB_MISSING. */
export async function findKernelSource(
  kernel: KernelVersion,
  options: SourceOptions,
): Promise<PackageVersion> {
  const problems: string[] = [];
  for (const suite of kernel.suites) {
    try {
      const found = await findPackage({ suite, name: kernel.package }, options);
      if (found !== undefined) return found;
      problems.push(`${suite}: not there`);
    } catch (error) {
      options.signal?.throwIfAborted();
      problems.push(`${suite}: ${(error as Error).message}`);
    }
  }
  throw new TorporError('E_LAB_MISSING', `no suite of Debian gives ${kernel.package}`, {
    facts: { package: kernel.package, suites: problems, mirror: await debianMirror() },
    hint: 'check the network, or name another mirror with TORPOR_DEBIAN_MIRROR',
  });
}

/** Unpacks the source into `directory`, which it makes, and keeps no package file. */
export async function unpackKernelSource(
  source: PackageVersion,
  directory: string,
  { report, signal }: SourceOptions,
): Promise<void> {
  const { suite, name, version } = source;
  const { path } = await downloadPackage({ suite, name, versionPrefix: version }, { report, signal });
  report({ step: `unpack ${name} ${version}` });
  await mkdir(directory);
  await runProcess('dpkg-deb', ['--extract', path, `${directory}.deb`], { signal });
  const excludes = UNNEEDED.map((pattern) => `--exclude=${pattern}`);
  const archive = join(`${directory}.deb`, 'usr/src', `${name}.tar.xz`);
  const selection = ['--strip-components=1', '--wildcards', '--anchored', ...excludes];
  await runProcess('tar', ['--extract', '--xz', '--file', archive, '--directory', directory, ...selection], {
    signal,
  });
  await rm(`${directory}.deb`, { recursive: true });
  await rm(path);
}
