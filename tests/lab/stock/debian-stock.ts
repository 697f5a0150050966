import { cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached, hashFile, hashInputs } from '../../../lab/build/cache.ts';
import type { ReportBuild } from '../../../lab/build/progress.ts';
import { runProcess } from '../../../lab/build/run-process.ts';
import { bundleProgram } from '../../../lab/rootfs/bundle.ts';
import {
  DEBIAN_REMOVED,
  ensureDebianArchive,
  type StockKind,
  stageDebian,
} from '../../../lab/rootfs/debian-root.ts';
import { assembleDisk } from '../../../lab/rootfs/disk-image.ts';
import { ensureToolImage } from '../../../lab/rootfs/tool-image.ts';
import { GIB } from '../../../src/base/units.ts';

/** A Debian with the kernel, the modules and the initramfs of its own packages, and Torpor in /opt. */
export interface StockDebian {
  readonly kernel: string;
  readonly initrd: string;
  /** The pristine root filesystem: copy it, never run it. */
  readonly image: string;
}

const REPOSITORY = join(import.meta.dirname, '../../..');
const OVERLAY = join(import.meta.dirname, 'overlay');
const OVERLAY_FILES = [
  ...['stock-bank', 'stock-commands'].map((name) => `etc/systemd/system/${name}.service`),
  'usr/local/bin/stock-commands',
];
const BOOT_FILES = [
  'install',
  'copy-program',
  'initramfs-tools/hooks/torpor',
  'initramfs-tools/scripts/local-top/torpor',
];

/** What tests run in it, beside Torpor. */
const PROGRAMS = ['allocation-stress', 'killed-freeze'];

async function bundleTest(name: string): Promise<string> {
  const [program] = await bundleProgram(join(import.meta.dirname, `${name}.ts`), null);
  return program!.text;
}

/** Builds it, or takes it from the cache. */
export async function ensureStockDebian(kind: StockKind, report: ReportBuild): Promise<StockDebian> {
  const archive = await ensureDebianArchive(kind, report);
  const tools = await ensureToolImage(report);
  const programs = await Promise.all(PROGRAMS.map(async (name) => ({ name, text: await bundleTest(name) })));
  const files = [
    ...OVERLAY_FILES.map((name) => join(OVERLAY, name)),
    ...BOOT_FILES.map((name) => join(REPOSITORY, 'boot', name)),
    import.meta.filename,
  ];
  const hashes = await Promise.all(files.map((path) => hashFile(path)));
  const inputs = { archive, tools, files: hashInputs({ hashes, programs }) };
  const place = await cached(
    'stock-root',
    inputs,
    async (directory) => {
      report({ step: `make the disk of ${kind}` });
      const stage = join(directory, 'stage');
      await mkdir(join(stage, 'opt'), { recursive: true });
      await stageDebian(stage);
      await cp(OVERLAY, stage, { recursive: true, verbatimSymlinks: true });
      await runProcess('unsquashfs', ['-q', '-n', '-d', join(stage, 'opt/torpor'), tools]);
      await cp(join(REPOSITORY, 'boot'), join(stage, 'opt/torpor/boot'), { recursive: true });
      for (const { name, text } of programs) await writeFile(join(stage, `opt/torpor/${name}.mjs`), text);
      await symlink('/opt/torpor/bin/torpor', join(stage, 'usr/local/bin/torpor'));
      await mkdir(join(stage, 'var/lib/torpor/bank'), { recursive: true });
      await writeFile(join(stage, 'etc/hostname'), 'stock\n');
      await writeFile(join(stage, 'etc/fstab'), '');
      const image = join(directory, 'root.img');
      const disk = {
        base: archive,
        removed: DEBIAN_REMOVED,
        overlay: stage,
        label: 'stock',
        sizeBytes: 3 * GIB,
      };
      await assembleDisk(disk, image);
      await rm(stage, { recursive: true });
      for (const [pattern, name] of [
        ['./boot/vmlinuz-*', 'kernel'],
        ['./boot/initrd.img-*', 'initrd'],
      ] as const) {
        const script = 'tar --extract --to-stdout --file "$1" --wildcards "$2" > "$3"';
        await runProcess('sh', ['-ec', script, 'sh', archive, pattern, join(directory, name)]);
      }
    },
    report,
  );
  return { kernel: join(place, 'kernel'), initrd: join(place, 'initrd'), image: join(place, 'root.img') };
}
