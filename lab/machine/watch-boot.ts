import { setTimeout as sleep } from 'node:timers/promises';
import { TorporError } from '../../src/base/errors.ts';
import { requireQemu } from './qemu-process.ts';
import { tailFile, waitForText } from './serial-log.ts';
import type { LabState } from './state.ts';

/** What a kernel or the initramfs says when it will never get to its agent. */
const BOOT_FAILURE = /Kernel panic - not syncing[^\n]*|torpor: [^\n]*a shell is on the console/;

/**
 * Runs `action` while an OS boots, and fails at once, with E_LAB_MACHINE, when the console (its
 * log from byte `from`) shows that the boot has failed, or with E_LAB_DOWN when QEMU is gone.
 */
export async function whileBooting<T>(state: LabState, from: number, action: () => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const watching = watch(state, from, stop.signal);
  watching.catch(() => {});
  try {
    return await Promise.race([action(), watching]);
  } finally {
    stop.abort();
  }
}

async function watch(state: LabState, from: number, signal: AbortSignal): Promise<never> {
  const check = (): void => {
    signal.throwIfAborted();
    requireQemu(state);
  };
  const options = { from, timeoutMs: Number.POSITIVE_INFINITY, pollMs: 250, check };
  const [line] = await waitForText(state.consoleLog, BOOT_FAILURE, options);
  // The stack trace behind a panic.
  await sleep(500);
  throw new TorporError('E_LAB_MACHINE', `an OS did not start: ${line.trim()}`, {
    facts: { lastLines: tailFile(state.consoleLog, 15), log: state.consoleLog },
    hint: `read ${state.consoleLog}`,
  });
}
