import { TorporError } from '../base/errors.ts';
import type { ImageSys } from '../sys/image-sys.ts';
import type { Sys } from '../sys/sys.ts';

/** Of this process and the one that guards it, and of programs that are in no group. */
const OUTSIDE = 'torpor-switch';
const STRAY = 'torpor-held';
const TIMEOUT_MS = 20_000;
const POLL_MS = 10;
/** Programs that appear while others are held are held in the next round. */
const MAX_ROUNDS = 20;
/** Who lets programs go when this process is ended. */
type Guarded = Pick<ImageSys, 'undoLater' | 'guard'>;
const UNGUARDED: Guarded = { undoLater: () => () => {}, guard: () => [] };
/** include/linux/sched.h */
const PF_KTHREAD = 0x0020_0000;

/** Holds programs at once. Returns what lets them go. Throws what {@link ProgramHold} throws, with everything running. */
export function holdPrograms(sys: Sys): () => void {
  const programs = new ProgramHold(sys);
  try {
    programs.hold();
  } catch (error) {
    programs.release();
    throw error;
  }
  return () => programs.release();
}

/**
 * Holds every program but this process and its guard by the freezer of control groups (cgroup v2, cgroup.freeze), so that
 * none runs when the kernel thaws its tasks, and none waits for a filesystem that is frozen when the kernel freezes
 * them.
 */
export class ProgramHold {
  readonly #sys: Sys;
  readonly #guarded: Guarded;
  readonly #root: string;
  /** Where this process was. */
  readonly #home: string;
  readonly #own: readonly string[];
  readonly #kernelThreads = new Set<string>();
  readonly #held: string[] = [];
  readonly #strays: string[] = [];
  readonly #notes: (() => void)[] = [];
  #isReleased = false;

  /**
   * Makes ready, with everything running: leaves the groups that will be held, for which the kernel waits for all
   * processors (cgroup_attach_lock() of kernel/cgroup/cgroup.c, 6.12), and finds out what is a kernel thread.
   * Throws E_FREEZE_REFUSED.
   */
  constructor(sys: Sys, guarded: Guarded = UNGUARDED) {
    this.#sys = sys;
    this.#guarded = guarded;
    this.#root = findRoot(sys);
    this.#home = /^0::(\/.*)$/m.exec(sys.readTextFile('/proc/self/cgroup') ?? '')?.[1] ?? '/';
    this.#own = [process.pid, ...guarded.guard()].map(String);
    try {
      sys.makeDirectory(`${this.#root}/${OUTSIDE}`);
      for (const pid of this.#own) this.#move(pid, `/${OUTSIDE}`);
      findStrays(sys, this.#root, this.#kernelThreads);
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** Throws E_FREEZE_REFUSED; what was held until then stays so until it is released. */
  hold(): void {
    const [sys, root] = [this.#sys, this.#root];
    const deadlineNs = sys.monotonicNs() + BigInt(TIMEOUT_MS) * 1_000_000n;
    for (let round = 0; ; round += 1) {
      const free = findStrays(sys, root, this.#kernelThreads);
      if (free.length > 0) sys.makeDirectory(`${root}/${STRAY}`);
      for (const pid of free) {
        // One that has ended meanwhile needs no holding.
        quietly(() => this.#move(pid, `/${STRAY}`));
        this.#strays.push(pid);
      }
      const fresh = findGroups(sys, root).filter((group) => !this.#held.includes(group));
      if (free.length === 0 && fresh.length === 0) return;
      const undo = fresh.map(
        (group) => ({ kind: 'write', path: switchOf(root, group), value: '0' }) as const,
      );
      this.#notes.push(this.#guarded.undoLater(...undo));
      for (const group of fresh) {
        this.#held.push(group);
        sys.writeTextFile(switchOf(root, group), '1');
      }
      if (round === MAX_ROUNDS) throw refused(['programs that appear again and again']);
      awaitFrozen(sys, root, this.#held, deadlineNs);
    }
  }

  /** Lets all programs go, and this process back to where it was; the second time it does nothing. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    const [sys, root] = [this.#sys, this.#root];
    for (const group of this.#held.toReversed()) quietly(() => sys.writeTextFile(switchOf(root, group), '0'));
    for (const pid of this.#strays) quietly(() => this.#move(pid, ''));
    for (const pid of this.#own) quietly(() => this.#move(pid, this.#home === '/' ? '' : this.#home));
    for (const group of [STRAY, OUTSIDE]) quietly(() => sys.removeDirectory(`${root}/${group}`));
    for (const forget of this.#notes) forget();
  }

  /** To a group, by its path below the root. */
  #move(pid: string, group: string): void {
    this.#sys.writeTextFile(`${this.#root}${group}/cgroup.procs`, pid);
  }
}

/** The file that holds the programs of a group when 1 is written to it. */
const switchOf = (root: string, group: string): string => `${root}/${group}/cgroup.freeze`;

/** Where control groups of version 2 are mounted. */
function findRoot(sys: Sys): string {
  const mounts = sys.readTextFile('/proc/self/mountinfo') ?? '';
  const root = /^\S+ \S+ \S+ \/ (\S+) .* - cgroup2 /m.exec(mounts)?.[1];
  if (root !== undefined) return root;
  throw new TorporError(
    'E_FREEZE_REFUSED',
    'programs cannot be held: control groups (version 2) are not mounted',
    {
      facts: { tasks: [] },
      hint: 'run `mount -t cgroup2 none /sys/fs/cgroup`, then try again',
    },
  );
}

/** Groups that are not frozen for a reason of their own; beside them are files. */
function findGroups(sys: Sys, root: string): string[] {
  const freezeOf = (name: string): string | null | undefined =>
    quietly(() => sys.readTextFile(switchOf(root, name)));
  return sys.listDirectory(root).filter((name) => name !== OUTSIDE && freezeOf(name)?.trim() === '0');
}

/**
 * Programs in the root group itself, which cannot be frozen. Kernel threads are there too, a hundred of them: which ones
 * those are is noted and not asked again.
 */
function findStrays(sys: Sys, root: string, kernelThreads: Set<string>): string[] {
  const pids = (sys.readTextFile(`${root}/cgroup.procs`) ?? '')
    .split('\n')
    .filter((pid) => /^[1-9]\d*$/.test(pid) && !kernelThreads.has(pid));
  return pids.filter((pid) => {
    const stat = quietly(() => sys.readTextFile(`/proc/${pid}/stat`)) ?? null;
    if (stat === null) return false;
    // proc_pid_stat(5): the name may contain anything; flags are the seventh field behind it.
    const flags = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[6]);
    const isProgram = (flags & PF_KTHREAD) === 0;
    if (!isProgram) kernelThreads.add(pid);
    return isProgram;
  });
}

function awaitFrozen(sys: Sys, root: string, groups: readonly string[], deadlineNs: bigint): void {
  const isFrozen = (group: string): boolean =>
    /^frozen 1$/m.test(sys.readTextFile(`${root}/${group}/cgroup.events`) ?? '');
  for (;;) {
    const left = groups.filter((group) => !isFrozen(group));
    if (left.length === 0) return;
    if (sys.monotonicNs() > deadlineNs) throw refused(left);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL_MS);
  }
}

function refused(groups: readonly string[]): TorporError {
  return new TorporError('E_FREEZE_REFUSED', `programs could not be held: ${groups.join(', ')}`, {
    facts: { tasks: [...groups] },
    hint: 'a program of that group waits for something that cannot be interrupted (`ps -eo pid,state,cgroup,comm | grep D`); the system goes on meanwhile',
  });
}

function quietly<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}
