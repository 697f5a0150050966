import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { GIB, MIB } from '../../src/base/units.ts';
import { cached, hashFile } from '../build/cache.ts';
import type { ReportBuild } from '../build/progress.ts';
import { stageBusybox } from './busybox-root.ts';
import { DEBIAN_REMOVED, ensureDebianArchive, stageDebian } from './debian-root.ts';
import { assembleDisk } from './disk-image.ts';
import { copyOverlay, hashOverlays, type OverlayName } from './overlay.ts';
import { unpackPackages } from './packages.ts';
import { ensureSshKey } from './ssh-key.ts';

export const ROOT_KINDS = ['monitor', 'tiny', 'debian12', 'debian13'] as const;
export type RootKind = (typeof ROOT_KINDS)[number];

interface RootRecipe {
  readonly family: 'busybox' | 'debian';
  /** Disks are sparse: room that nothing fills costs nothing. */
  readonly sizeBytes: number;
}

const RECIPES: Readonly<Record<RootKind, RootRecipe>> = {
  monitor: { family: 'busybox', sizeBytes: 512 * MIB },
  tiny: { family: 'busybox', sizeBytes: 64 * MIB },
  debian12: { family: 'debian', sizeBytes: 2 * GIB },
  debian13: { family: 'debian', sizeBytes: 2 * GIB },
};

/**
 * The pristine ext4 image (no partition table, label `torpor-KIND`) of a root filesystem of the lab,
 * built when its recipe, overlay, packages or SSH key are new. Copy it; never run it.
 */
export async function ensureRoot(kind: RootKind, report: ReportBuild): Promise<string> {
  const { family, sizeBytes } = RECIPES[kind];
  const overlays: readonly OverlayName[] = [family, kind];
  const publicKey = `${await ensureSshKey(report)}.pub`;
  const debian =
    family === 'debian' ? await ensureDebianArchive(kind as 'debian12' | 'debian13', report) : null;
  const busybox = family === 'busybox' ? await unpackPackages(['busybox-static'], report) : null;
  const base = debian === null ? null : await hashManifest(debian);
  const inputs = {
    kind,
    sizeBytes,
    base,
    packages: busybox?.versions ?? [],
    overlay: await hashOverlays(overlays),
    key: await hashFile(publicKey),
    code: await hashCode(),
  };
  const place = await cached(
    'root',
    inputs,
    async (directory) => {
      report({ step: `make the disk of ${kind}` });
      const stage = join(directory, 'stage');
      await mkdir(stage);
      if (busybox !== null) await stageBusybox(stage, busybox);
      if (debian !== null) await stageDebian(stage);
      for (const overlay of overlays) await copyOverlay(overlay, stage);
      await mkdir(join(stage, 'root/.ssh'), { recursive: true });
      await copyFile(publicKey, join(stage, 'root/.ssh/authorized_keys'));
      const removed = debian === null ? [] : DEBIAN_REMOVED;
      const image = join(directory, 'root.img');
      await assembleDisk(
        { base: debian, removed, overlay: stage, label: `torpor-${kind}`, sizeBytes },
        image,
      );
      await rm(stage, { recursive: true });
    },
    report,
  );
  return join(place, 'root.img');
}

/** The manifest beside a cached file stands for it: its key is made of all that the file was made of. */
async function hashManifest(file: string): Promise<string> {
  return (JSON.parse(await readFile(join(file, '../manifest.json'), 'utf8')) as { key: string }).key;
}

/** What the files of this folder do to an image is a part of its recipe. */
async function hashCode(): Promise<string> {
  const names = ['assemble-disk.sh', 'busybox-root.ts', 'debian-root.ts'];
  return (await Promise.all(names.map((name) => hashFile(join(import.meta.dirname, name))))).join(' ');
}
