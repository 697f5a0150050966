import { stat, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TorporError } from '../../src/base/errors.ts';
import { KIB } from '../../src/base/units.ts';
import { runProcess } from '../build/run-process.ts';

export interface AssembledDisk {
  /** A tar archive to begin with; null for an empty filesystem. */
  readonly base: string | null;
  /** What is removed from it. */
  readonly removed: readonly string[];
  /** A directory whose files are laid over it; they all belong to root. */
  readonly overlay: string;
  readonly label: string;
  readonly sizeBytes: number;
}

/** Makes an ext4 image with the owners that the archive names; needs no root where fakeroot is. */
export async function assembleDisk(disk: AssembledDisk, outFile: string): Promise<void> {
  const script = join(import.meta.dirname, 'assemble-disk.sh');
  const work = `${outFile}.work`;
  const args = [
    disk.base ?? '-',
    disk.overlay,
    work,
    disk.label,
    String(disk.sizeBytes),
    outFile,
    ...disk.removed,
  ];
  const asRoot = process.getuid?.() === 0 ? [] : ['fakeroot', '--'];
  const [command, ...rest] = [...asRoot, 'sh', script, ...args];
  await runProcess(command!, rest);
}

/**
 * Makes a sparse ext4 image of `sizeBytes` from a root directory, its owners kept as they are.
 * A file instead of a directory is an image already: it is copied, and grows to `sizeBytes` where
 * it is smaller. Throws E_FILE.
 */
export async function makeDiskFromDirectory(
  source: string,
  sizeBytes: number,
  label: string,
  outFile: string,
): Promise<void> {
  const found = await stat(source).catch((cause: unknown) => {
    throw new TorporError('E_FILE', `${source} cannot be read`, {
      facts: { path: source, reason: (cause as NodeJS.ErrnoException).code ?? String(cause) },
      hint: 'name a directory with a root filesystem, or a raw disk image',
      cause,
    });
  });
  if (!found.isDirectory()) {
    await runProcess('cp', ['--reflink=auto', '--sparse=always', source, outFile]);
    if (found.size < sizeBytes) await truncate(outFile, sizeBytes);
    return;
  }
  await writeFile(outFile, '');
  await truncate(outFile, sizeBytes);
  await runProcess('mke2fs', [
    ...['-q', '-F', '-t', 'ext4', '-m', '0', '-L', label],
    ...['-E', 'lazy_itable_init=0,lazy_journal_init=0', '-d', source, outFile],
  ]);
}

/** Makes a sparse ext4 image for a bank, which has few files: a small inode table, nothing left for later. */
export async function makeBankDisk(outFile: string, sizeBytes: number): Promise<void> {
  await writeFile(outFile, '');
  await truncate(outFile, sizeBytes);
  await runProcess('mke2fs', [
    ...['-q', '-F', '-t', 'ext4', '-m', '0', '-L', 'torpor-bank', '-i', String(256 * KIB), '-J', 'size=32'],
    ...['-E', 'lazy_itable_init=0,lazy_journal_init=0', outFile],
  ]);
}

export interface ImageFile {
  /** A file of this machine. */
  readonly from: string;
  /** Its absolute path in the image; directories on the way are made. */
  readonly to: string;
  /** Permission bits; 0o644 by default. */
  readonly mode?: number;
}

/**
 * Writes files into an unmounted ext4 image, without mounting it; they belong to root and replace
 * what was there. Throws E_LAB_BUILD when one does not fit.
 */
export async function addFilesToImage(image: string, files: readonly ImageFile[]): Promise<void> {
  // debugfs damages a directory that it is told to make again: it makes only what is not there.
  const directories = [...new Set(files.flatMap(({ to }) => parentsOf(to)))];
  const missing = await selectPaths(image, directories, false);
  const present = await selectPaths(
    image,
    files.map(({ to }) => to),
    true,
  );
  const complaints = await runDebugfs(image, [
    ...missing.map((path) => `mkdir ${quote(path)}`),
    ...present.map((path) => `rm ${quote(path)}`),
    ...files.flatMap(({ from, to, mode = 0o644 }) => [
      `write ${quote(from)} ${quote(to)}`,
      `sif ${quote(to)} mode 0100${mode.toString(8)}`,
      `sif ${quote(to)} uid 0`,
      `sif ${quote(to)} gid 0`,
    ]),
  ]);
  if (complaints.length === 0) return;
  throw new TorporError('E_LAB_BUILD', `files could not be written into ${image}`, {
    facts: { image, lastLines: complaints },
    hint: 'give the image more room, or remove it to have it built again',
  });
}

/** Those of the paths that are, or are not, in the image. */
async function selectPaths(image: string, paths: readonly string[], present: boolean): Promise<string[]> {
  const selected: string[] = [];
  for (const path of paths) {
    const { stdout } = await runProcess('debugfs', ['-R', `stat ${quote(path)}`, image]);
    if (stdout.startsWith('Inode:') === present) selected.push(path);
  }
  return selected;
}

/** Runs debugfs commands and gives back its complaints: its exit status tells of none. */
async function runDebugfs(image: string, commands: readonly string[]): Promise<string[]> {
  const { stderr } = await runProcess('debugfs', ['-w', '-f', '-', image], {
    input: `${commands.join('\n')}\n`,
  });
  return stderr.split('\n').filter((line) => line !== '' && !/^debugfs \d/.test(line));
}

/** `/a/b/c` → `/a`, `/a/b`. */
function parentsOf(path: string): string[] {
  const parent = dirname(path);
  return parent === '/' || parent === '.' ? [] : [...parentsOf(parent), parent];
}

function quote(path: string): string {
  return `"${path.replaceAll('"', '""')}"`;
}
