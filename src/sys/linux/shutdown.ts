import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { syscall } from '../native.ts';
import { SYSTEM_CALL } from './call.ts';
import { listDirectory, readFile, writeTextFile } from './files.ts';
import { outliveSession } from './session.ts';

const STOP_SERVICES_MS = 90_000;
const REMOUNT_MS = 30_000;

/** sd_booted(3): systemd runs when this directory exists. */
export function stopServices(): void {
  if (!existsSync('/run/systemd/system')) return;
  outliveSession();
  // Without --no-block: the services have stopped when it returns.
  spawnSync('systemctl', ['isolate', 'rescue.target'], { stdio: 'ignore', timeout: STOP_SERVICES_MS });
}

export function endAllPrograms(graceMs: number): void {
  signalAll('SIGTERM');
  const deadline = Date.now() + graceMs;
  while (Date.now() < deadline && otherPrograms() > 0) sleep(100);
  signalAll('SIGKILL');
}

/** kill(-1): all processes but this one and init (kill(2)). */
function signalAll(signal: NodeJS.Signals): void {
  try {
    process.kill(-1, signal);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause;
  }
}

export function remountReadOnly(): void {
  // The kernel does it later, from a work queue (fs/super.c, emergency_remount).
  writeTextFile('/proc/sysrq-trigger', 'u');
  const deadline = Date.now() + REMOUNT_MS;
  while (Date.now() < deadline && areDisksWritable()) sleep(20);
  // A filesystem looks read-only before its journal is flushed (fs/ext4/super.c, __ext4_remount);
  // sync waits for the lock that the remount holds to its end (fs/super.c, iterate_supers).
  syscall(SYSTEM_CALL.sync, 0, 0, 0, 0, 0, 0);
}

/** A disk's line of proc_mounts(5) reads `/dev/… PLACE TYPE rw,…`. */
function areDisksWritable(): boolean {
  return /^\/dev\/\S+ \S+ \S+ rw[, ]/m.test(readFile('/proc/self/mounts')?.toString('utf8') ?? '');
}

/** Programs besides init and this one; kernel threads have no command line. */
function otherPrograms(): number {
  const others = listDirectory('/proc').filter(
    (name) => /^\d+$/.test(name) && name !== '1' && name !== String(process.pid),
  );
  return others.filter((pid) => (readFile(`/proc/${pid}/cmdline`)?.length ?? 0) > 0).length;
}

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
