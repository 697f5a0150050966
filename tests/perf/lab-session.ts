import { homedir } from 'node:os';
import { join } from 'node:path';
import { withLock } from '../../lab/build/lock.ts';
import { runStages } from '../../lab/commands/run-stages.ts';
import type { LabConfig } from '../../lab/config/lab-config.ts';
import { planAssembly } from '../../lab/machine/assemble.ts';
import { labBuilder } from '../../lab/machine/lab-builder.ts';
import { LabMachine } from '../../lab/machine/lab-machine.ts';
import { killQemu } from '../../lab/machine/qemu-process.ts';
import type { Stage } from '../../lab/machine/stage.ts';
import { type LabState, locateLab } from '../../lab/machine/state.ts';
import { planUp, requireOff } from '../../lab/machine/up.ts';

/** A lab of its own, so that a test never takes the machine that somebody works with. */
export function locateTestLab(name: string): LabState {
  const { TORPOR_LAB_DIR, XDG_STATE_HOME } = process.env;
  const base = XDG_STATE_HOME || join(homedir(), '.local', 'state');
  return locateLab({ TORPOR_LAB_DIR: TORPOR_LAB_DIR || join(base, 'torpor', name) });
}

/** Builds and starts the machine with all its OSes; progress goes to standard error. */
export async function bringUp(config: LabConfig, state: LabState): Promise<LabMachine> {
  await build(state, planUp(config, state, labBuilder));
  return LabMachine.open(state);
}

/** Builds the machine and leaves it off. */
export async function assemble(config: LabConfig, state: LabState): Promise<LabMachine> {
  await build(state, planAssembly(config, state, labBuilder));
  return LabMachine.open(state);
}

async function build(state: LabState, stages: readonly Stage[]): Promise<void> {
  await withLock(`${state.directory}/up.lock`, async () => {
    requireOff(state);
    await runStages(stages);
  });
}

/**
 * Runs `action`; whatever ends it, also Ctrl-C, no machine of this lab is left running, unless
 * `keep` wants to have it looked at.
 */
export async function withoutLeftovers<T>(
  state: LabState,
  action: () => Promise<T>,
  keep: (result: T) => boolean = () => false,
): Promise<T> {
  const onSignal = (): void => {
    process.stderr.write('\nending the machine\n');
    void killQemu(state).finally(() => process.exit(130));
  };
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  let kept = false;
  try {
    const result = await action();
    kept = keep(result);
    return result;
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    if (!kept) await killQemu(state);
  }
}
