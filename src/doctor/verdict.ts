import { EXIT_STATUS } from '../base/exit-status.ts';
import type { CheckResult } from './run.ts';

/** Which engine this machine can use, and what to do next. */
export interface Verdict {
  /** `undecided`: nothing speaks against it, but something essential could not be seen. */
  readonly engine: 'resident' | 'image' | 'none' | 'undecided';
  /** For people, one or two sentences. */
  readonly summary: string;
  /** Ids of the checks that found obstacles. */
  readonly obstacles: readonly string[];
  /** Ids of essential checks without an answer. */
  readonly unseen: readonly string[];
  /** The one next command or setting; null when there is no remedy. */
  readonly next: string | null;
  readonly exitStatus: number;
}

/** Draws the verdict from what the checks found; the first obstacle in their order is the next to remove. */
export function reachVerdict(results: readonly CheckResult[]): Verdict {
  const obstacles = results.filter(({ status }) => status === 'obstacle');
  const unseen = results.filter(({ status, essential }) => essential && status === 'unknown');
  const base = { obstacles: ids(obstacles), unseen: ids(unseen) };
  if (obstacles.length > 0) {
    const names = obstacles.map(({ title }) => title).join(', ');
    if (canMakeImages(results, base.obstacles)) return recommendImages(base, names, results);
    return {
      ...base,
      engine: 'none',
      summary: `This machine cannot keep several systems resident as it is. In the way: ${names}.`,
      next: obstacles.find(({ remedy }) => remedy !== undefined)?.remedy ?? null,
      exitStatus: EXIT_STATUS.machine,
    };
  }
  if (unseen.length > 0) {
    return {
      ...base,
      engine: 'undecided',
      summary: `Nothing speaks against the resident engine so far, but not everything could be seen: ${unseen.map(({ title }) => title).join(', ')}.`,
      next: unseen.find(({ remedy }) => remedy !== undefined)?.remedy ?? null,
      exitStatus: EXIT_STATUS.machine,
    };
  }
  const setUp = nextStep(results);
  return {
    ...base,
    engine: 'resident',
    summary: setUp.ready
      ? 'This machine is set up for the resident engine.'
      : 'This machine can use the resident engine; it is not set up yet.',
    next: setUp.next,
    exitStatus: EXIT_STATUS.ok,
  };
}

const ids = (results: readonly CheckResult[]): string[] => results.map(({ id }) => id);

/** The plan first, then the switchboard: each check's remedy is the command that makes it. */
function nextStep(results: readonly CheckResult[]): { ready: boolean; next: string | null } {
  const open = ['plan', 'switchboard']
    .map((id) => results.find((result) => result.id === id))
    .find((result) => result !== undefined && result.status !== 'ok');
  if (open !== undefined) return { ready: false, next: open.remedy ?? null };
  const suggested = results.find(({ id }) => id === 'switchboard')?.facts.next;
  return { ready: true, next: typeof suggested === 'string' ? suggested : 'torpor status' };
}

/** What is in the way of every engine. */
const COMMON_OBSTACLES = ['architecture', 'container', 'root', 'confidential-memory'];

function canMakeImages(results: readonly CheckResult[], obstacles: readonly string[]): boolean {
  if (obstacles.some((id) => COMMON_OBSTACLES.includes(id))) return false;
  return results.find(({ id }) => id === 'snapshot-device')?.facts.usable === true;
}

/** The engine of stock kernels, and what stands between this machine and the other one. */
function recommendImages(
  base: Pick<Verdict, 'obstacles' | 'unseen'>,
  names: string,
  results: readonly CheckResult[],
): Verdict {
  const lacksJump = base.obstacles.includes('kexec-jump');
  const gain = lacksJump
    ? 'a kernel with KEXEC_JUMP would add several systems in memory at once, switched in milliseconds'
    : 'without that several systems could be in memory at once, switched in milliseconds';
  const remedy = results.find(
    (result) => result.status === 'obstacle' && result.remedy !== undefined,
  )?.remedy;
  const next = results.find(({ id }) => id === 'bank')?.facts.next;
  return {
    ...base,
    engine: 'image',
    summary: `This machine can use the image engine: its stock kernel saves and restores the whole system. In the way of the resident engine: ${names}; ${gain}.${remedy === undefined ? '' : ` For that: ${remedy}.`}`,
    next: typeof next === 'string' ? next : 'torpor bank init',
    exitStatus: EXIT_STATUS.ok,
  };
}
