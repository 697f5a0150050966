import { constants } from 'node:os';

/**
 * Process groups that must not outlive this process. They end when it exits and when a signal
 * ends it; after SIGKILL nobody can, and a build that goes on then only wastes time.
 */
const groups = new Set<number>();
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Takes charge of the process group `pgid` until `disown`. */
export function own(pgid: number): void {
  if (groups.size === 0) {
    process.on('exit', killAll);
    for (const signal of SIGNALS) process.on(signal, onSignal);
  }
  groups.add(pgid);
}

export function disown(pgid: number): void {
  if (!groups.delete(pgid) || groups.size > 0) return;
  process.off('exit', killAll);
  for (const signal of SIGNALS) process.off(signal, onSignal);
}

/** Sends `signal` to every process of the group; a group that has ended is no error. */
export function killGroup(pgid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pgid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function killAll(): void {
  for (const pgid of groups) killGroup(pgid, 'SIGKILL');
}

function onSignal(signal: NodeJS.Signals): void {
  killAll();
  // Whoever else handles the signal decides what becomes of this process.
  if (process.listenerCount(signal) === 1) process.exit(128 + constants.signals[signal]);
}
