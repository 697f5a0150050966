import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { cached, hashFile } from '../../../lab/build/cache.ts';
import { downloadPackage } from '../../../lab/build/debian-archive.ts';
import { openPrivateApt } from '../../../lab/build/private-apt.ts';
import { runProcess } from '../../../lab/build/run-process.ts';
import { planAccelerator } from '../../../lab/machine/qemu-arguments.ts';
import { openQmp } from '../../../lab/machine/qmp.ts';
import { encodeCpio, S_IFCHR, S_IFDIR, S_IFLNK, S_IFREG } from '../../../lab/rootfs/cpio.ts';
import { unpackPackages } from '../../../lab/rootfs/packages.ts';

/** A stock kernel that was stopped in the middle of its work. */
export interface FrozenStockKernel {
  /** All its memory, from physical address 0 on. */
  readonly memory: Uint8Array;
  /** What it said of itself right before: section → lines (./init). */
  readonly facts: ReadonlyMap<string, readonly string[]>;
}

const MEMORY_BYTES = 256 * 1024 * 1024;
const BOOT_TIMEOUT_MS = 300_000;
const POLL_MS = 500;

/** An argument of the kernel: its memory is taken while its processes are frozen. */
export const FREEZE = 'torpor.freeze';
/** kernel/power/suspend.c, suspend_test(): five seconds begin. */
const FROZEN = /suspend debug: Waiting for 5 second/;

/**
 * Boots the kernel that Debian's `suite` installs by default, in a plain virtual machine of its own with
 * ./init as process 1, and takes its memory. Throws what the lab's builders throw, and when it takes too long.
 */
export async function freezeStockKernel(
  suite: string,
  directory: string,
  args: readonly string[] = [],
): Promise<FrozenStockKernel> {
  mkdirSync(directory, { recursive: true });
  const [kernel, initramfs] = [await fetchKernel(suite), await packInitramfs(directory)];
  const socket = join(directory, 'qmp.sock');
  const dump = join(directory, 'memory');
  const consoleFile = join(directory, 'console.txt');
  const factsFile = join(directory, 'facts.txt');
  const ended = new AbortController();
  const stop = AbortSignal.any([AbortSignal.timeout(BOOT_TIMEOUT_MS), ended.signal]);
  const running = runProcess(
    'qemu-system-x86_64',
    [
      ['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
      ...planAccelerator('tcg'),
      ['-smp', '2', '-m', `${MEMORY_BYTES / 1024 ** 2}M`],
      // Files: a port that leads to a slow reader loses bytes.
      ['-serial', `file:${consoleFile}`, '-serial', `file:${factsFile}`],
      ['-qmp', `unix:${socket},server=on,wait=off`],
      ['-kernel', kernel, '-initrd', initramfs],
      ['-append', ['console=ttyS0', 'quiet', 'panic=-1', 'rdinit=/init', ...args].join(' ')],
    ].flat(),
    { signal: stop },
  );
  try {
    await Promise.race([awaitLine(factsFile, /^=== end\r?$/m, stop), running]);
    if (args.includes(FREEZE)) await Promise.race([awaitLine(consoleFile, FROZEN, stop), running]);
    const qmp = await openQmp(socket);
    await qmp.execute('stop');
    await qmp.execute('pmemsave', { val: 0, size: MEMORY_BYTES, filename: dump });
    await qmp.execute('quit').catch(() => {});
    qmp.close();
    await running;
    return { memory: readFileSync(dump), facts: splitFacts(readFileSync(factsFile, 'utf8').split(/\r?\n/)) };
  } catch (error) {
    console.log(readFileSync(consoleFile, 'latin1').slice(-4000));
    throw error;
  } finally {
    ended.abort();
    await running.catch(() => {});
    rmSync(dump, { force: true });
  }
}

async function awaitLine(file: string, pattern: RegExp, stop: AbortSignal): Promise<void> {
  for (;;) {
    await setTimeout(POLL_MS, undefined, { signal: stop });
    if (existsSync(file) && pattern.test(readFileSync(file, 'latin1'))) return;
  }
}

/** The vmlinuz of the package that linux-image-amd64 depends on, or since 7.3 of the one that this depends on. */
async function fetchKernel(suite: string): Promise<string> {
  const apt = await openPrivateApt(suite);
  await apt.update(() => {});
  const findDependency = async (of: string, pattern: RegExp): Promise<string | undefined> =>
    pattern.exec(await apt.run('apt-cache', ['depends', of]))?.[1];
  const image = await findDependency('linux-image-amd64', /Depends: (linux-image-\S+)/);
  const name = (await findDependency(image!, /Depends: (linux-binary-\S+)/)) ?? image!;
  const { path, version } = await downloadPackage({ suite, name });
  const place = await cached('stock-kernel', { name, version }, async (directory) => {
    const files = join(directory, 'files');
    await runProcess('dpkg-deb', ['--extract', path, files]);
    const [vmlinuz] = globSync(['boot/vmlinuz-*', 'usr/lib/**/vmlinuz*'], { cwd: files });
    cpSync(join(files, vmlinuz!), join(directory, 'vmlinuz'));
    rmSync(files, { recursive: true });
  });
  return join(place, 'vmlinuz');
}

async function packInitramfs(directory: string): Promise<string> {
  const source = (name: string): string => join(import.meta.dirname, name);
  const busybox = await unpackPackages(['busybox-static'], () => {});
  const program = await cached(
    'stock-holder',
    { source: await hashFile(source('holder.c')) },
    async (place) => {
      await runProcess('gcc', [
        '-O1',
        '-static',
        '-pthread',
        '-o',
        join(place, 'holder'),
        source('holder.c'),
      ]);
    },
  );
  const executable = S_IFREG | 0o755;
  const archive = encodeCpio([
    ...['dev', 'proc', 'sys', 'bin'].map((path) => ({ path, mode: S_IFDIR | 0o755 })),
    { path: 'dev/console', mode: S_IFCHR | 0o600, device: { major: 5, minor: 1 } },
    { path: 'bin/busybox', mode: executable, data: readFileSync(join(busybox.directory, 'bin/busybox')) },
    { path: 'bin/sh', mode: S_IFLNK | 0o777, data: Buffer.from('busybox') },
    { path: 'holder', mode: executable, data: readFileSync(join(program, 'holder')) },
    { path: 'init', mode: executable, data: readFileSync(source('init')) },
  ]);
  const path = join(directory, 'initramfs.gz');
  writeFileSync(path, gzipSync(archive, { level: 1 }));
  return path;
}

function splitFacts(lines: readonly string[]): Map<string, string[]> {
  const facts = new Map<string, string[]>();
  let section = '';
  for (const line of lines) {
    const name = /^=== (\w+)$/.exec(line)?.[1];
    if (name === undefined) facts.get(section)?.push(line);
    else facts.set(name, []);
    section = name ?? section;
  }
  return facts;
}
