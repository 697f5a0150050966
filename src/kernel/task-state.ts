/** What a process does, in the words of proc(5). */
export type TaskState =
  | 'running'
  | 'sleeping'
  | 'uninterruptible'
  | 'stopped'
  | 'traced'
  | 'dead'
  | 'zombie'
  | 'parked'
  | 'idle'
  /** Frozen in the middle of what it did: it goes on with that. */
  | 'frozen';

/** TASK_… and EXIT_… (include/linux/sched.h, the same in 6.1, 6.12 and 7.2); the highest one counts. */
const STATES: readonly (readonly [number, TaskState])[] = [
  [0x40, 'parked'],
  [0x20, 'zombie'],
  [0x10, 'dead'],
  [0x08, 'traced'],
  [0x04, 'stopped'],
  [0x02, 'uninterruptible'],
  [0x01, 'sleeping'],
];
const TASK_IDLE = 0x402;
const TASK_DEAD = 0x80;
const TASK_FROZEN = 0x8000;

/**
 * The state of a task out of `__state`, `exit_state` and, where the kernel has it, `saved_state`: what a
 * frozen task goes on as when it was asleep or stopped before (kernel/freezer.c of 7.2).
 */
export function decodeTaskState(
  state: number,
  exitState: number,
  savedState: number,
): { state: TaskState; frozen: boolean } {
  if ((state & TASK_FROZEN) === 0) return { state: nameOf(state, exitState), frozen: false };
  return { state: savedState === 0 ? 'frozen' : nameOf(savedState, exitState), frozen: true };
}

function nameOf(state: number, exitState: number): TaskState {
  if ((state & TASK_IDLE) === TASK_IDLE) return 'idle';
  const bits = state | exitState;
  const known = STATES.find(([bit]) => (bits & bit) !== 0)?.[1];
  return known ?? ((bits & TASK_DEAD) === 0 ? 'running' : 'dead');
}
