import * as z from 'zod';
import { TorporError } from '../../src/base/errors.ts';
import type { LabMachine } from './lab-machine.ts';
import { homeOf } from './machine-spec.ts';
import { requireQemu, waitForExit } from './qemu-process.ts';
import { tailFile } from './serial-log.ts';

/** Where every OS of the lab has Torpor; an OS brought in may have another PATH. */
export const TORPOR = '/opt/torpor/bin/torpor';

const STOP_MS = 180_000;

/** What `torpor status --json` says, as far as it is used here. */
const slotsSchema = z.looseObject({
  slots: z.array(z.looseObject({ slot: z.int(), name: z.string(), state: z.string() })),
});

/**
 * From home, stops every guest with `torpor stop`, then powers home off, as on a real machine, and
 * waits until QEMU has ended. Throws E_STOP_REFUSED.
 */
export async function shutDownMachine(machine: LabMachine, report: (step: string) => void): Promise<void> {
  const qemu = requireQemu(machine.state);
  const home = homeOf(machine.spec).name;
  try {
    if ((await machine.ping()).os !== home) await machine.switchTo(home);
    const { slots } = slotsSchema.parse(JSON.parse(await machine.run([TORPOR, 'status', '--json'])));
    for (const { slot, name, state } of slots) {
      if (slot === 0 || state === 'empty') continue;
      report(`stop ${name}`);
      const force = state === 'crashed' ? ['--force'] : [];
      await machine.run([TORPOR, 'stop', ...force, name], { timeoutMs: STOP_MS });
    }
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw refused(`the lab machine cannot be shut down in order: ${message}`, [], cause);
  }
  report(`stop ${home}`);
  // The answer and the end of the line race.
  void machine.exec(['poweroff']).catch(() => {});
  if (await waitForExit(qemu, STOP_MS)) return;
  const message = `“${home}” did not power off within ${STOP_MS / 1000} s`;
  throw refused(message, tailFile(machine.state.consoleLog, 10));
}

function refused(message: string, lastLines: readonly string[], cause?: unknown): TorporError {
  return new TorporError('E_STOP_REFUSED', message, {
    facts: { lastLines },
    hint: 'end it as it is with `torpor lab down --force`',
    cause,
  });
}
