import { join } from 'node:path';
import { TorporError } from '../../src/base/errors.ts';
import type { LabConfig } from '../config/lab-config.ts';
import { planAssembly } from './assemble.ts';
import type { LabBuilder } from './builder.ts';
import { LabMachine } from './lab-machine.ts';
import { findQemu, killQemu } from './qemu-process.ts';
import type { Stage } from './stage.ts';
import { type LabState, readMachineSpec } from './state.ts';

/** The steps from a configuration to a machine on which home runs and every guest is resident. */
export function planUp(config: LabConfig, state: LabState, builder: LabBuilder): Stage[] {
  let machine: LabMachine | null = null;
  const opened = (): LabMachine => {
    machine ??= LabMachine.open(state);
    return machine;
  };
  const guarded = (stage: Stage): Stage => ({
    title: stage.title,
    run: async (report) => {
      try {
        await stage.run(report);
      } catch (error) {
        throw await giveUp(state, opened(), error);
      }
    },
  });
  return [
    ...planAssembly(config, state, builder),
    guarded({ title: `start ${config.home.name}`, run: async () => void (await opened().powerOn()) }),
    ...config.guests.map((os) => guarded({ title: `boot ${os.name}`, run: () => opened().boot(os.name) })),
    { title: 'ready', run: async () => opened().close() },
  ];
}

/** Throws E_LAB_RUNNING when the machine of this state directory runs. */
export function requireOff(state: LabState): void {
  const qemu = findQemu(state);
  if (qemu === null) return;
  const names = readMachineSpec(state).oses.map((os) => os.name);
  throw new TorporError('E_LAB_RUNNING', 'the lab machine runs already', {
    facts: { directory: state.directory, pid: qemu.pid, oses: names },
    hint: 'use it as it is (`torpor lab status`), end it with `torpor lab down`, or set TORPOR_LAB_DIR for another',
  });
}

/** A machine that did not come up is not left running; what it said is kept. */
async function giveUp(state: LabState, machine: LabMachine, error: unknown): Promise<unknown> {
  const directory = join(state.directory, 'evidence', new Date().toISOString().replaceAll(/[:.]/g, '-'));
  machine.close();
  await machine.evidence(directory).catch(() => {});
  await killQemu(state).catch(() => {});
  if (!(error instanceof TorporError)) return error;
  return new TorporError(error.code, error.message, {
    facts: { ...error.facts, evidence: directory },
    hint: `the machine was ended; its logs, registers and screen are in ${directory}`,
    cause: error,
  });
}
