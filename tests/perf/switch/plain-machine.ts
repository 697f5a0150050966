import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { homeOf, type MachineSpec } from '../../../lab/machine/machine-spec.ts';
import { planQemuArguments } from '../../../lab/machine/qemu-arguments.ts';
import { findQemu, startQemu, waitForExit } from '../../../lab/machine/qemu-process.ts';
import { openQmp } from '../../../lab/machine/qmp.ts';
import { type LabState, locateLab } from '../../../lab/machine/state.ts';
import { TorporError } from '../../../src/base/errors.ts';
import { GIB } from '../../../src/base/units.ts';
import { assemble, withoutLeftovers } from '../lab-session.ts';
import { plainConfig } from './config.ts';
import { awaitGreeting, type RemoteScript, runScript, type SshTarget, startScript } from './ssh.ts';

const SWAP_BYTES = GIB;
const ANSWER_MS = 600_000;

/** Debian 12 alone on a machine of its own: the firmware starts it, nothing of Torpor runs in it. */
export class PlainMachine {
  readonly #state: LabState;
  readonly #spec: MachineSpec;
  readonly #ssh: SshTarget;

  private constructor(state: LabState, spec: MachineSpec) {
    this.#state = state;
    this.#spec = spec;
    this.#ssh = { keyFile: spec.sshKey, port: homeOf(spec).sshPort };
  }

  /** Builds it beside the bench's machine, runs `action` with it, and ends it. */
  static async use<T>(beside: LabState, action: (machine: PlainMachine) => Promise<T>): Promise<T> {
    const state = locateLab({ TORPOR_LAB_DIR: join(beside.directory, 'plain') });
    return await withoutLeftovers(state, async () => {
      const { spec } = await assemble(plainConfig(), state);
      const swap = join(state.disks, 'swap.img');
      writeFileSync(swap, '');
      truncateSync(swap, SWAP_BYTES);
      const disk = {
        os: homeOf(spec).name,
        serial: 'swap',
        path: swap,
        bus: 'virtio',
        readOnly: false,
      } as const;
      return await action(new PlainMachine(state, { ...spec, disks: [...spec.disks, disk] }));
    });
  }

  /** Switches it on and waits until its SSH server answers. */
  async powerOn(): Promise<void> {
    await startQemu(this.#state, planQemuArguments(this.#spec, this.#state));
    await this.awaitService();
  }

  async awaitService(): Promise<void> {
    await awaitGreeting(this.#ssh, ANSWER_MS);
  }

  async run(script: string): Promise<string> {
    return await runScript(this.#ssh, script);
  }

  /** Starts a script that waits for `go()`, so that no time of SSH is measured. */
  async prepare(script: string): Promise<RemoteScript> {
    const remote = startScript(this.#ssh, `echo ready; read -r _; ${script}`);
    await remote.ready;
    return remote;
  }

  /** Waits until the machine has switched itself off. Throws E_TIMEOUT. */
  async awaitOff(): Promise<void> {
    const qemu = findQemu(this.#state);
    if (qemu === null || (await waitForExit(qemu, ANSWER_MS))) return;
    throw new TorporError('E_TIMEOUT', 'the plain machine did not switch itself off', {
      hint: `read ${this.#state.consoleLog}`,
    });
  }

  /** Resolves when the firmware starts anew. */
  async watchReset(): Promise<{ readonly reset: Promise<void>; close(): void }> {
    const reset = Promise.withResolvers<void>();
    const qmp = await openQmp(this.#state.sockets.qmp, {
      onEvent: ({ event }) => {
        if (event === 'RESET') reset.resolve();
      },
    });
    return { reset: reset.promise, close: () => qmp.close() };
  }
}
