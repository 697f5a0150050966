import { copyFile, mkdir, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { runProcess } from '../build/run-process.ts';
import type { UnpackedPackages } from './packages.ts';

const DIRECTORIES = [
  ...['bin', 'sbin', 'usr/bin', 'usr/sbin', 'usr/local/bin', 'etc', 'root', 'tmp', 'opt/torpor'],
  ...['dev', 'proc', 'sys', 'run', 'mnt', 'boot/torpor', 'var/cache', 'var/lib', 'var/log'],
];

/** Puts a busybox system into the stage: the program, a link for each of its names, the directories. */
export async function stageBusybox(stage: string, packages: UnpackedPackages): Promise<void> {
  for (const name of DIRECTORIES) await mkdir(join(stage, name), { recursive: true });
  await symlink('../run', join(stage, 'var/run'));
  const program = join(stage, 'bin/busybox');
  await copyFile(join(packages.directory, 'bin/busybox'), program);
  const { stdout } = await runProcess(program, ['--list-full']);
  for (const path of stdout.split('\n').filter((line) => line !== '' && line !== 'bin/busybox')) {
    const link = join(stage, path);
    await mkdir(dirname(link), { recursive: true });
    await symlink(relative(dirname(link), program), link);
  }
}
