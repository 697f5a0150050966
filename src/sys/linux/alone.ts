import { setFlagsFromString } from 'node:v8';
import { TorporError } from '../../base/errors.ts';
import { syscall } from '../native.ts';
import { check, SYSTEM_CALL } from './call.ts';

/**
 * Threads other than the first are frozen with everybody else, so nothing may wait for one: no concurrent
 * compilation or marking, no helpers of the garbage collector. What is left of V8's and Node's threads
 * has nothing to do.
 */
export const ALONE_FLAGS = [
  '--single-threaded',
  '--single-threaded-gc',
  '--v8-pool-size=0',
  '--disable-sigusr1',
];
/**
 * V8's optimizing compilers, which would compile on the one thread there is: that takes longer than what is done here
 * wins by it.
 */
const OPTIMIZERS = ['opt', 'maglev'] as const;
/** What a terminal, a service manager or a user ends or stops a process with. */
const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGTSTP'] as const;

/** include/uapi/linux/sched.h */
const CLONE_FILES = 0x400;

/** See ImageSys.runAlone. Synchronous throughout: what waits for the event loop waits until it has returned. */
export function runAlone<T>(action: () => T): T {
  requireNoHelpers();
  // SAFETY: a process that is killed closes its files with the last thread that has them, and frozen threads do not end.
  // What only this thread has is closed with it: /dev/snapshot, which thaws them.
  check('unshare', syscall(SYSTEM_CALL.unshare, CLONE_FILES, 0, 0, 0, 0, 0));
  let arrived: NodeJS.Signals | null = null;
  const wait = (signal: NodeJS.Signals): void => {
    arrived = signal;
  };
  // What this process has frozen it has to thaw, whoever wants to end it.
  for (const signal of SIGNALS) process.on(signal, wait);
  for (const name of OPTIMIZERS) setFlagsFromString(`--no-${name}`);
  try {
    return action();
  } finally {
    for (const name of OPTIMIZERS) setFlagsFromString(`--${name}`);
    // They are noticed when the event loop goes on.
    setImmediate(() => {
      for (const signal of SIGNALS) process.off(signal, wait);
      if (arrived !== null) process.kill(process.pid, arrived);
    });
  }
}

/** Throws E_USAGE. */
function requireNoHelpers(): void {
  const missing = ALONE_FLAGS.filter((flag) => !process.execArgv.includes(flag));
  if (missing.length === 0) return;
  throw new TorporError('E_USAGE', 'this Node has threads that would be frozen with everything else', {
    facts: { missing },
    hint: 'start it as `bin/torpor`, which gives Node its options',
  });
}
