import { KIB, MIB } from '../../src/base/units.ts';
import type { ReportBuild } from '../build/progress.ts';
import { runProcess } from '../build/run-process.ts';
import { ensureKernel } from '../kernel/ensure-kernel.ts';
import type { KernelVersionName } from '../kernel/versions.ts';
import { addFilesToImage, makeBankDisk, makeDiskFromDirectory } from '../rootfs/disk-image.ts';
import { ensureInitramfs } from '../rootfs/initramfs.ts';
import { ensureRoot, type RootKind } from '../rootfs/root.ts';
import { ensureSshKey } from '../rootfs/ssh-key.ts';
import { ensureToolImage } from '../rootfs/tool-image.ts';
import type { LabBuilder } from './builder.ts';

/** Builds what is not in the cache yet, from Debian's packages. */
export const labBuilder: LabBuilder = {
  kernel: async (version, report) => (await ensureKernel(version as KernelVersionName, report)).bzImage,
  initramfs: ensureInitramfs,
  toolImage: ensureToolImage,
  root: (name, report) => ensureRoot(name as RootKind, report),
  sshKey: ensureSshKey,
  diskFromDirectory: makeDisk,
  bankDisk: makeBankDisk,
  addFiles: addFilesToImage,
};

/** A disk with a quarter more room than its files take, and 256 MiB for what the OS will write. */
async function makeDisk(directory: string, label: string, image: string, report: ReportBuild): Promise<void> {
  report({ step: `make a disk of ${directory}` });
  const { stdout } = await runProcess('du', ['-sk', '--apparent-size', directory]);
  const usedBytes = Number.parseInt(stdout, 10) * KIB;
  await makeDiskFromDirectory(directory, Math.ceil((usedBytes * 1.25) / MIB + 256) * MIB, label, image);
}
