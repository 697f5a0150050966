import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ReportBuild, reportNothing } from './progress.ts';

/** Who holds a lock: enough to tell a live holder from a process that reuses its id. */
interface Holder {
  readonly pid: number;
  /** Ticks since boot, field 22 of /proc/PID/stat. */
  readonly startTicks: string;
  readonly bootId: string;
  readonly pidNamespace: string;
}

interface LockOptions {
  readonly report?: ReportBuild;
  readonly signal?: AbortSignal | undefined;
  readonly pollMs?: number;
}

/** A process that breaks a stale lock is done within milliseconds. */
const BREAKER_STALE_MS = 30_000;

/**
 * Runs `action` while holding the lock file `path`, which appears whole (link(2) fails when it
 * exists, as O_EXCL does) and names its holder. Waits for a live holder, breaks the lock of a dead one.
 */
export async function withLock<T>(
  path: string,
  action: () => Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  const { report = reportNothing, signal, pollMs = 250 } = options;
  await mkdir(dirname(path), { recursive: true });
  const own = JSON.stringify(await describeSelf());
  let waitsFor = 0;
  while (!(await createWhole(path, own))) {
    signal?.throwIfAborted();
    const holder = await readHolder(path);
    if (holder !== undefined && !(await isAlive(holder))) {
      await breakLock(path, holder);
      continue;
    }
    if (holder !== undefined && holder.pid !== waitsFor) {
      waitsFor = holder.pid;
      report({ step: `wait for process ${holder.pid}, which builds the same` });
    }
    await sleep(pollMs, undefined, { signal });
  }
  try {
    return await action();
  } finally {
    await rm(path, { force: true });
  }
}

async function createWhole(path: string, content: string): Promise<boolean> {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  await writeFile(temporary, content, { flag: 'wx' });
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Removes the lock only while it is still `dead`'s: two breakers must not remove a new holder's lock. */
async function breakLock(path: string, dead: Holder): Promise<void> {
  const breaker = `${path}.break`;
  if (!(await createWhole(breaker, String(process.pid)))) {
    const age = Date.now() - ((await stat(breaker).catch(() => undefined))?.mtimeMs ?? Date.now());
    if (age > BREAKER_STALE_MS) await rm(breaker, { force: true });
    await sleep(20);
    return;
  }
  try {
    const holder = await readHolder(path);
    if (JSON.stringify(holder) === JSON.stringify(dead)) await rm(path, { force: true });
  } finally {
    await rm(breaker, { force: true });
  }
}

async function readHolder(path: string): Promise<Holder | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Holder);
}

async function describeSelf(): Promise<Holder> {
  return {
    pid: process.pid,
    startTicks: (await readStartTicks(process.pid)) ?? '',
    ...(await readWorld()),
  };
}

async function readWorld(): Promise<Pick<Holder, 'bootId' | 'pidNamespace'>> {
  return {
    bootId: (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim(),
    pidNamespace: await readlink('/proc/self/ns/pid'),
  };
}

/** A holder in another pid namespace of this boot cannot be judged from here and counts as alive. */
async function isAlive(holder: Holder): Promise<boolean> {
  const world = await readWorld();
  if (holder.bootId !== world.bootId) return false;
  if (holder.pidNamespace !== world.pidNamespace) return true;
  return (await readStartTicks(holder.pid)) === holder.startTicks;
}

async function readStartTicks(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The second field is the program's name in brackets and may hold spaces and brackets itself.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}
