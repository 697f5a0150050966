import { spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { TorporError } from '../../src/base/errors.ts';
import { openQmp } from './qmp.ts';
import { tailFile } from './serial-log.ts';
import { type LabState, readJsonFile, writeJsonFile } from './state.ts';

export const QEMU = 'qemu-system-x86_64';

const recordSchema = z.strictObject({
  pid: z.int().positive(),
  /** Clock ticks from the host's boot to the start of the process: a reused pid has other ones. */
  startTicks: z.string(),
  /** The host's boot, so that a record from before a reboot of the host is void. */
  hostBootId: z.string(),
  startedAt: z.iso.datetime(),
});
export type QemuRecord = z.infer<typeof recordSchema>;

/** The first line of `qemu-system-x86_64 --version`. Throws E_LAB_MISSING. */
export function requireQemuVersion(): string {
  const { stdout, error } = spawnSync(QEMU, ['--version'], { encoding: 'utf8' });
  if (error !== undefined) throw cannotRun(error);
  return stdout.split('\n')[0]!;
}

/** The QEMU of this lab when it runs, else null. */
export function findQemu(state: LabState): QemuRecord | null {
  const record = readJsonFile(state.processFile, recordSchema);
  return record !== null && isSameProcess(record) ? record : null;
}

/** Throws E_LAB_DOWN when the machine does not run. */
export function requireQemu(state: LabState): QemuRecord {
  const record = findQemu(state);
  if (record !== null) return record;
  throw new TorporError('E_LAB_DOWN', 'the lab machine does not run', {
    facts: { directory: state.directory },
    hint: 'start it with `torpor lab power-on`, or make a new one with `torpor lab up`',
  });
}

/**
 * Starts QEMU in a process group of its own, so that it goes on when this command ends, and
 * returns when its monitor socket exists. Throws E_LAB_MISSING, E_LAB_MACHINE.
 */
export async function startQemu(state: LabState, args: readonly string[]): Promise<QemuRecord> {
  for (const socket of Object.values(state.sockets)) rmSync(socket, { force: true });
  const log = openSync(state.qemuLog, 'a');
  const child = spawn(QEMU, args, { detached: true, stdio: ['ignore', log, log], cwd: state.directory });
  closeSync(log);
  const ended = new Promise<never>((_, reject) => {
    child.once('error', (cause: NodeJS.ErrnoException) => reject(cannotRun(cause)));
    child.once('exit', (code, signal) => reject(endedEarly(state, code ?? signal)));
  });
  ended.catch(() => {});
  const started = (async () => {
    if (child.pid === undefined) return await ended;
    const record = describeProcess(child.pid);
    if (record === null) return await ended;
    writeJsonFile(state.processFile, record);
    await waitForSocket(state.sockets.qmp);
    return record;
  })();
  const record = await Promise.race([started, ended]);
  child.removeAllListeners();
  child.unref();
  return record;
}

/** Ends QEMU as a power cut does: at once, with nothing that a guest could notice. */
export async function killQemu(state: LabState): Promise<void> {
  const record = findQemu(state);
  if (record !== null) signalQemu(record, 'SIGKILL');
  if (record !== null && !(await waitForExit(record, 10_000))) {
    throw new TorporError('E_LAB_MACHINE', `QEMU (process ${record.pid}) does not end`, {
      facts: { pid: record.pid },
    });
  }
  rmSync(state.processFile, { force: true });
}

/** Whether the process has ended within the time. */
export async function waitForExit(record: QemuRecord, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (isSameProcess(record)) {
    if (performance.now() > deadline) return false;
    await sleep(50);
  }
  return true;
}

/** Signals the process only after a look that it is the recorded one, never a foreign one. */
function signalQemu(record: QemuRecord, signal: NodeJS.Signals): void {
  if (!isSameProcess(record)) return;
  try {
    process.kill(record.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function isSameProcess(record: QemuRecord): boolean {
  const now = describeProcess(record.pid);
  return now !== null && now.startTicks === record.startTicks && now.hostBootId === record.hostBootId;
}

/** Null when there is no such process, or only its remains (a zombie). */
function describeProcess(pid: number): QemuRecord | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The name in brackets may itself hold spaces and brackets; the state and field 22 come after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return null;
  const hostBootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return { pid, startTicks: fields[19]!, hostBootId, startedAt: new Date().toISOString() };
}

async function waitForSocket(path: string): Promise<void> {
  for (;;) {
    try {
      const qmp = await openQmp(path);
      qmp.close();
      return;
    } catch (error) {
      if (error instanceof TorporError && error.code === 'E_TIMEOUT') throw error;
      await sleep(30);
    }
  }
}

function cannotRun(cause: NodeJS.ErrnoException): TorporError {
  return new TorporError('E_LAB_MISSING', `${QEMU} cannot be started: ${cause.code ?? cause.message}`, {
    facts: { program: QEMU },
    hint: 'install it: apt-get install qemu-system-x86',
    cause,
  });
}

function endedEarly(state: LabState, status: number | string | null): TorporError {
  const lastLines = tailFile(state.qemuLog, 5);
  return new TorporError(
    'E_LAB_MACHINE',
    `QEMU ended at once (${status}): ${lastLines.at(-1) ?? 'no message'}`,
    {
      facts: { status, lastLines, log: state.qemuLog },
      hint: `read ${state.qemuLog}`,
    },
  );
}
