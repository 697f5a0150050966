import { spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { TorporError } from '../../src/base/errors.ts';
import type { MachineSpec } from './machine-spec.ts';
import { planAccelerator } from './qemu-arguments.ts';
import { QEMU, requireQemuVersion } from './qemu-process.ts';
import { waitForText } from './serial-log.ts';
import { readJsonFile, writeJsonFile } from './state.ts';

export type Accelerator = MachineSpec['accel'];

const PROBE_MS = 15_000;
/** Said by the lab's initramfs, in any case: the kernel has started a program. */
const PROBE_LINE = /torpor: |Run \/init as init process/;

const cacheSchema = z.record(z.string(), z.enum(['kvm', 'tcg']));

interface ProbeInputs {
  readonly kernel: string;
  readonly initrd: string;
  /** Remembers what this host could do, by its kernel and its QEMU. */
  readonly cacheFile: string;
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * How the machine's processors run: TORPOR_LAB_ACCEL (`kvm`, `tcg`), else (`auto`) KVM when a short
 * boot of the lab's kernel under it gets as far as its first program. /dev/kvm alone proves
 * little: nested or restricted KVM may hang in a real kernel. Throws E_USAGE.
 */
export async function chooseAccelerator(inputs: ProbeInputs): Promise<Accelerator> {
  const wanted = (inputs.env ?? process.env).TORPOR_LAB_ACCEL || 'auto';
  if (wanted === 'kvm' || wanted === 'tcg') return wanted;
  if (wanted !== 'auto') {
    throw new TorporError('E_USAGE', `TORPOR_LAB_ACCEL is “${wanted}”`, {
      facts: { TORPOR_LAB_ACCEL: wanted },
      hint: 'set it to auto, kvm or tcg',
    });
  }
  if (!mayUseKvm()) return 'tcg';
  const host = `${release()} / ${requireQemuVersion()}`;
  const known = readJsonFile(inputs.cacheFile, cacheSchema) ?? {};
  const found = known[host] ?? ((await bootsUnderKvm(inputs)) ? 'kvm' : 'tcg');
  if (known[host] === undefined) writeJsonFile(inputs.cacheFile, { ...known, [host]: found });
  return found;
}

function mayUseKvm(): boolean {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

async function bootsUnderKvm({ kernel, initrd }: ProbeInputs): Promise<boolean> {
  const directory = mkdtempSync(join(tmpdir(), 'torpor-kvm-'));
  const log = join(directory, 'console.log');
  const args = [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-machine', 'pc', '-m', '512M', '-smp', '2'],
    ...planAccelerator('kvm').flat(),
    ...['-kernel', kernel, '-initrd', initrd, '-append', 'console=ttyS0 panic=-1', '-no-reboot'],
    ...['-serial', `file:${log.replaceAll(',', ',,')}`],
  ];
  const qemu = spawn(QEMU, args, { stdio: 'ignore' });
  qemu.on('error', () => {});
  const check = (): void => {
    if (qemu.exitCode !== null || qemu.signalCode !== null) throw new Error('QEMU ended');
  };
  try {
    await waitForText(log, PROBE_LINE, { from: 0, timeoutMs: PROBE_MS, check });
    return true;
  } catch {
    return false;
  } finally {
    qemu.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  }
}
