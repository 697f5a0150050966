import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TorporError } from '../../src/base/errors.ts';
import { cached } from '../build/cache.ts';
import type { PackageVersion } from '../build/debian-archive.ts';
import { type ReportBuild, reportNothing } from '../build/progress.ts';
import { buildKernel, labConfig } from './build-kernel.ts';
import { findKernelSource, unpackKernelSource } from './kernel-source.ts';
import { describeToolchain, requireToolchain } from './toolchain.ts';
import { KERNEL_VERSIONS, type KernelVersion, type KernelVersionName } from './versions.ts';

/** Counts up when the way of building changes in a way that its other inputs do not show. */
const RECIPE = 1;

export interface LabKernel {
  readonly name: KernelVersionName;
  /** Debian's version of the source package. */
  readonly packageVersion: string;
  /** What `uname -r` says. */
  readonly release: string;
  /** Paths in the cache: read them, do not change them. */
  readonly bzImage: string;
  readonly config: string;
  readonly systemMap: string;
}

interface EnsureOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * The lab's kernel of that version, from the cache or built now (minutes). It is built anew when
 * Debian's source, the configuration or the compiler changes.
 */
export async function ensureKernel(
  name: KernelVersionName,
  report: ReportBuild = reportNothing,
  { signal }: EnsureOptions = {},
): Promise<LabKernel> {
  await requireToolchain();
  const kernel: KernelVersion = KERNEL_VERSIONS[name];
  const source = await findKernelSource(kernel, { report, signal });
  try {
    return await ensureBuilt(name, source, report, { signal });
  } catch (error) {
    if (!(error instanceof TorporError) || error.code !== 'E_LAB_MISSING') throw error;
    // The lists named a version that the archive has dropped since; they have been read again.
    const latest = await findKernelSource(kernel, { report, signal });
    if (latest.version === source.version) throw error;
    return await ensureBuilt(name, latest, report, { signal });
  }
}

async function ensureBuilt(
  name: KernelVersionName,
  source: PackageVersion,
  report: ReportBuild,
  { signal }: EnsureOptions,
): Promise<LabKernel> {
  const kernel: KernelVersion = KERNEL_VERSIONS[name];
  const config = await labConfig(kernel);
  const inputs = { recipe: RECIPE, package: kernel.package, version: source.version, config };
  const directory = await cached(
    'kernel',
    { ...inputs, ...(await describeToolchain()) },
    async (outputDirectory) => {
      const sourceDirectory = join(outputDirectory, 'source');
      await unpackKernelSource(source, sourceDirectory, { report, signal });
      const objectDirectory = join(outputDirectory, 'objects');
      await buildKernel({
        kernel,
        sourceDirectory,
        objectDirectory,
        outputDirectory,
        config,
        report,
        signal,
      });
      await rm(sourceDirectory, { recursive: true });
    },
    report,
    { signal },
  );
  return {
    name,
    packageVersion: source.version,
    release: (await readFile(join(directory, 'release'), 'utf8')).trim(),
    bzImage: join(directory, 'bzImage'),
    config: join(directory, 'config'),
    systemMap: join(directory, 'System.map'),
  };
}
