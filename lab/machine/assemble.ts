import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TorporError } from '../../src/base/errors.ts';
import { cacheRoot } from '../build/cache.ts';
import type { BuildStep, ReportBuild } from '../build/progress.ts';
import { runProcess } from '../build/run-process.ts';
import type { LabConfig, OsConfig } from '../config/lab-config.ts';
import { chooseAccelerator } from './accelerator.ts';
import type { AddedFile, LabBuilder } from './builder.ts';
import { findFreePorts } from './free-ports.ts';
import { homeOf, type MachineSpec } from './machine-spec.ts';
import { planLabMemory } from './plan-lab-memory.ts';
import { type OsFiles, planHomeFiles, planMachine } from './plan-machine.ts';
import { requireQemuVersion } from './qemu-process.ts';
import type { Stage } from './stage.ts';
import { type LabState, makeStateDirectories, writeJsonFile } from './state.ts';
import { installUefiFirmware } from './uefi-firmware.ts';

/**
 * The steps that turn a configuration into a machine that can be powered on: everything is built
 * or found in the cache, every disk is a copy of its own, the description is written last.
 * A machine that was in the state directory is replaced; it must be off.
 */
export function planAssembly(config: LabConfig, state: LabState, builder: LabBuilder): Stage[] {
  const oses = [config.home, ...config.guests];
  const kernels = new Map<string, string>();
  const roots = new Map<string, string>();
  let initramfs = '';
  let toolImage = '';
  let sshKey = '';

  const stages: Stage[] = [];
  const add = (title: string, run: (report: ReportBuild) => Promise<void>): void => {
    stages.push({ title, run: (report) => run((step) => report(renderStep(step))) });
  };
  const versions = new Set(oses.flatMap(({ kernel }) => ('version' in kernel ? [kernel.version] : [])));
  add('files', async () => {
    requireQemuVersion();
    checkFiles(oses);
  });
  for (const version of versions) {
    add(
      `Linux ${version}`,
      async (report) => void kernels.set(version, await builder.kernel(version, report)),
    );
  }
  if (oses.some((os) => os.initrd === null)) {
    add('initramfs', async (report) => {
      initramfs = await builder.initramfs(report);
    });
  }
  add('tool disk', async (report) => {
    toolImage = await builder.toolImage(report);
    sshKey = await builder.sshKey(report);
  });
  for (const name of new Set(oses.flatMap(({ root }) => (root.kind === 'built' ? [root.name] : [])))) {
    add(`root ${name}`, async (report) => void roots.set(name, await builder.root(name, report)));
  }
  add('machine', async (report) => {
    const kernelOf = (os: OsConfig): string =>
      'path' in os.kernel ? os.kernel.path : kernels.get(os.kernel.version)!;
    rmSync(state.specFile, { force: true });
    rmSync(state.disks, { recursive: true, force: true });
    for (const log of [state.consoleLog, state.agentLog, state.qemuLog]) rmSync(log, { force: true });
    makeStateDirectories(state);
    const files: OsFiles[] = [];
    for (const os of oses) {
      report({ step: `the disk of ${os.name}` });
      const disk = await copyDisk(os, state, roots, builder, report);
      files.push({ kernel: kernelOf(os), initrd: os.initrd ?? initramfs, disk });
    }
    const bankDisk = config.bankBytes === null ? null : join(state.disks, 'bank.img');
    if (bankDisk !== null) await builder.bankDisk(bankDisk, config.bankBytes!);
    // Home's own kernel stays startable whatever becomes of the cache or of somebody's build tree.
    files[0] = keepBootFiles(files[0]!, state);
    copyFileSync(sshKey, state.sshKey);
    chmodSync(state.sshKey, 0o600);
    report({ step: 'how to run processors' });
    const cacheFile = join(cacheRoot(), 'accelerator.json');
    const accel = await chooseAccelerator({ kernel: files[0].kernel, initrd: files[0].initrd, cacheFile });
    const { memoryBytes, planArguments } = planLabMemory(config);
    const uefi = config.firmware === 'uefi' ? installUefiFirmware(state.uefiVars) : null;
    const sshPorts = await findFreePorts(oses.length);
    const parts = {
      accel,
      uefi,
      memoryBytes,
      planArguments,
      toolImage,
      bankDisk,
      sshKey: state.sshKey,
      files,
      sshPorts,
    };
    const spec = planMachine(config, parts);
    report({ step: `the registry of ${config.home.name}` });
    await fillHome(spec, builder);
    writeJsonFile(state.specFile, spec);
  });
  return stages;
}

/** Fails before anything is built when a named file is not there. */
function checkFiles(oses: readonly OsConfig[]): void {
  for (const os of oses) {
    const named = [
      'path' in os.kernel ? os.kernel.path : null,
      os.initrd,
      os.root.kind === 'directory' || os.root.kind === 'image' ? os.root.path : null,
    ];
    for (const path of named) {
      if (path === null || existsSync(path)) continue;
      throw new TorporError('E_FILE', `${path} does not exist`, {
        facts: { path, os: os.name },
        hint: `correct the entry of “${os.name}” in the configuration`,
      });
    }
  }
}

async function copyDisk(
  os: OsConfig,
  state: LabState,
  roots: ReadonlyMap<string, string>,
  builder: LabBuilder,
  report: ReportBuild,
): Promise<string | null> {
  const image = join(state.disks, `${os.name}.img`);
  if (os.root.kind === 'none') return null;
  if (os.root.kind === 'directory') await builder.diskFromDirectory(os.root.path, os.name, image, report);
  else {
    const source = os.root.kind === 'built' ? roots.get(os.root.name)! : os.root.path;
    await runProcess('cp', ['--reflink=auto', '--sparse=always', '--no-preserve=mode', source, image]);
  }
  return image;
}

function keepBootFiles(files: OsFiles, state: LabState): OsFiles {
  const directory = join(state.directory, 'boot');
  mkdirSync(directory, { recursive: true });
  const keep = (path: string, name: string): string => {
    const kept = join(directory, name);
    copyFileSync(path, kept, constants.COPYFILE_FICLONE);
    return kept;
  };
  return { ...files, kernel: keep(files.kernel, 'kernel'), initrd: keep(files.initrd, 'initrd') };
}

/** Puts the guests' kernels and registry entries on home's disk. */
async function fillHome(spec: MachineSpec, builder: LabBuilder): Promise<void> {
  const wanted = planHomeFiles(spec);
  const disk = spec.disks.find((d) => d.os === homeOf(spec).name);
  if (wanted.length === 0 || disk === undefined) return;
  const workshop = mkdtempSync(join(tmpdir(), 'torpor-home-'));
  try {
    const files = wanted.map((file, index): AddedFile => {
      if ('from' in file) return file;
      const from = join(workshop, String(index));
      writeFileSync(from, file.text);
      return { from, to: file.to, mode: file.mode };
    });
    await builder.addFiles(disk.path, files);
  } finally {
    rmSync(workshop, { recursive: true, force: true });
  }
}

function renderStep({ step, done, total }: BuildStep): string {
  if (done === undefined) return step;
  return total === undefined
    ? `${step} ${done}`
    : `${step} ${Math.min(100, Math.round((100 * done) / total))} %`;
}
