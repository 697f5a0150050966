import { appendFile, copyFile, readFile, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { TorporError } from '../../src/base/errors.ts';
import type { ReportBuild } from '../build/progress.ts';
import { runProcess } from '../build/run-process.ts';
import { checkConfig, parseConfig } from './config-check.ts';
import type { KernelVersion } from './versions.ts';

interface KernelBuild {
  readonly kernel: KernelVersion;
  readonly sourceDirectory: string;
  /** Everything that is made lies here; removed when the build ends. */
  readonly objectDirectory: string;
  /** Gets bzImage, config, System.map and release. */
  readonly outputDirectory: string;
  /** The wanted options: `labConfig()` of the kernel. */
  readonly config: string;
  readonly report: ReportBuild;
  readonly signal?: AbortSignal | undefined;
}

/** The same source gives the same bytes, whoever builds it and when. */
const FIXED_ENVIRONMENT = {
  KBUILD_BUILD_TIMESTAMP: 'Sat Nov  1 00:00:00 UTC 2008',
  KBUILD_BUILD_USER: 'torpor',
  KBUILD_BUILD_HOST: 'lab',
  KBUILD_BUILD_VERSION: '1',
  LC_ALL: 'C',
  // What a make above this one, or the user's shell, would slip in.
  ...Object.fromEntries(
    [
      'MAKEFLAGS',
      'MFLAGS',
      'MAKELEVEL',
      'ARCH',
      'CROSS_COMPILE',
      'KBUILD_OUTPUT',
      'KCFLAGS',
      'LOCALVERSION',
    ].map((name) => [name, undefined]),
  ),
};

/** The wanted options of a kernel: lab.config and its own lines. */
export async function labConfig(kernel: KernelVersion): Promise<string> {
  const common = await readFile(join(import.meta.dirname, 'lab.config'), 'utf8');
  return `${common}\n${kernel.config.join('\n')}\n`;
}

/** Configures and builds a bzImage out of tree. Throws E_LAB_BUILD, also for a wanted option without effect. */
export async function buildKernel(build: KernelBuild): Promise<void> {
  const { kernel, sourceDirectory, objectDirectory, outputDirectory, report, signal } = build;
  const make = (args: readonly string[], onLine?: (line: string) => void) =>
    runProcess('make', ['-C', sourceDirectory, `O=${objectDirectory}`, ...args], {
      env: FIXED_ENVIRONMENT,
      signal,
      ...(onLine === undefined ? {} : { onLine }),
    });
  const configPath = join(objectDirectory, '.config');

  report({ step: 'configure' });
  await make(['tinyconfig']);
  await appendFile(configPath, build.config);
  await make(['olddefconfig']);
  await requireConfig(build, configPath);

  let done = 0;
  report({ step: 'compile', done, total: kernel.objectCount });
  await make([`-j${availableParallelism()}`, 'bzImage'], (line) => {
    if (!/^ {2}(?:CC|AS|HOSTCC) /.test(line)) return;
    done += 1;
    if (done % 20 === 0) report({ step: 'compile', done, total: kernel.objectCount });
  });

  report({ step: 'keep the kernel' });
  await copyFile(join(objectDirectory, 'arch/x86/boot/bzImage'), join(outputDirectory, 'bzImage'));
  await copyFile(join(objectDirectory, 'System.map'), join(outputDirectory, 'System.map'));
  await copyFile(join(objectDirectory, 'include/config/kernel.release'), join(outputDirectory, 'release'));
  await copyFile(configPath, join(outputDirectory, 'config'));
  await rm(objectDirectory, { recursive: true });
}

async function requireConfig({ kernel, config }: KernelBuild, configPath: string): Promise<void> {
  const effective = parseConfig(await readFile(configPath, 'utf8'));
  const unmet = checkConfig(parseConfig(config), effective, new Set(Object.keys(kernel.lacks)));
  if (unmet.length === 0) return;
  throw new TorporError('E_LAB_BUILD', `${kernel.package} does not take ${unmet.length} wanted options`, {
    facts: { options: unmet.map(({ option, wanted, got }) => `${option}: wanted ${wanted}, got ${got}`) },
    hint: 'add what they depend on to lab/kernel/lab.config, or name them with a reason in lab/kernel/versions.ts',
  });
}
