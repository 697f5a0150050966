import { TorporError } from '../../src/base/errors.ts';
import { withLock } from '../build/lock.ts';
import {
  type ExecOptions,
  type ExecResult,
  execInOs,
  type Pong,
  pingAgent,
  type SwitchOptions,
  type SwitchResult,
  switchOs,
} from './agent-calls.ts';
import { type AgentClient, openAgent } from './agent-client.ts';
import {
  enterSnapshot,
  type Printed,
  type RestoreOptions,
  restoreSnapshot,
  type SnapshotOptions,
  takeSnapshot,
} from './bank-calls.ts';
import { collectEvidence } from './evidence.ts';
import { findFreePorts, isPortFree } from './free-ports.ts';
import type { MachineSpec } from './machine-spec.ts';
import { BANK_DIRECTORY, BANK_DISK } from './plan-machine.ts';
import { planQemuArguments } from './qemu-arguments.ts';
import { findQemu, killQemu, requireQemu, startQemu } from './qemu-process.ts';
import { openQmp } from './qmp.ts';
import { takeScreenshot } from './screenshot.ts';
import { logPosition } from './serial-log.ts';
import { shutDownMachine, TORPOR } from './shut-down.ts';
import { type LabState, locateLab, readMachineSpec, writeJsonFile } from './state.ts';
import { whileBooting } from './watch-boot.ts';

const HOME_BOOT_MS = 300_000;
const GUEST_BOOT_MS = 600_000;

/** One lab machine on this host, running or not. Every command and every lab test works with this. */
export class LabMachine {
  readonly state: LabState;
  readonly spec: MachineSpec;
  /** Programs that are looked at side by side. */
  readonly atATime = Number.POSITIVE_INFINITY;
  #agent: Promise<AgentClient> | null = null;

  private constructor(state: LabState, spec: MachineSpec) {
    this.state = state;
    this.spec = spec;
  }

  /** The machine of a state directory. Throws E_LAB_DOWN when there is none. */
  static open(state: LabState = locateLab()): LabMachine {
    return new LabMachine(state, readMachineSpec(state));
  }

  get isRunning(): boolean {
    return findQemu(this.state) !== null;
  }

  /** Starts the machine with the disks that it has, and waits until home answers and has a bank. Throws E_LAB_RUNNING. */
  async powerOn(): Promise<Pong> {
    return await this.#exclusive(async () => {
      if (this.isRunning) {
        throw new TorporError('E_LAB_RUNNING', 'the lab machine runs already', {
          facts: { directory: this.state.directory },
          hint: 'see `torpor lab status`; end it with `torpor lab down`',
        });
      }
      this.close();
      await this.#renewPorts();
      const from = logPosition(this.state.consoleLog);
      await startQemu(this.state, planQemuArguments(this.spec, this.state));
      const pong = await whileBooting(this.state, from, () => this.#awaitPing(HOME_BOOT_MS));
      await this.#makeBank();
      return pong;
    });
  }

  /** Ends the machine at once, as pulling the plug does; its disks stay. Throws E_LAB_DOWN. */
  async powerCut(): Promise<void> {
    await this.#exclusive(async () => {
      requireQemu(this.state);
      this.close();
      await killQemu(this.state);
    });
  }

  /** Who runs now. Throws E_LAB_DOWN, E_TIMEOUT. */
  async ping(timeoutMs = 10_000): Promise<Pong> {
    return await pingAgent(await this.#connect(), timeoutMs);
  }

  /** Has home boot a guest into its slot and come back. */
  async boot(name: string): Promise<void> {
    this.requireOs(name);
    const from = logPosition(this.state.consoleLog);
    const command = [TORPOR, 'boot', name, '--back', '--json'];
    await whileBooting(this.state, from, () => this.run(command, { timeoutMs: GUEST_BOOT_MS }));
  }

  /** Where an OS answers to SSH on this host, whichever runs now. Throws E_OS_UNKNOWN. */
  sshOf(name: string): { readonly port: number; readonly key: string } {
    this.requireOs(name);
    const { sshPort } = this.spec.oses.find((os) => os.name === name)!;
    return { port: sshPort, key: this.spec.sshKey };
  }

  /** Runs a program as root in the running OS. Throws E_LAB_WRONG_OS when `os` is named and another one runs. */
  async exec(
    argv: readonly string[],
    options: ExecOptions & { readonly os?: string } = {},
  ): Promise<ExecResult> {
    const agent = await this.#connect();
    if (options.os !== undefined) {
      this.requireOs(options.os);
      const { os } = await pingAgent(agent);
      if (os !== options.os) {
        throw new TorporError('E_LAB_WRONG_OS', `“${os}” runs now, not “${options.os}”`, {
          facts: { running: os, wanted: options.os },
          hint: `go there with \`torpor lab switch ${options.os}\``,
        });
      }
    }
    return await execInOs(agent, argv, options);
  }

  /** As exec, and throws E_LAB_COMMAND when the program fails. Returns its standard output. */
  async run(argv: readonly string[], options: ExecOptions & { readonly os?: string } = {}): Promise<string> {
    const { exit, stdout, stderr } = await this.exec(argv, options);
    if (exit === 0) return stdout.toString();
    const lastLines = `${stdout}${stderr}`.trim().split('\n').slice(-10);
    throw new TorporError(
      'E_LAB_COMMAND',
      `“${argv.join(' ')}” ended with status ${exit}: ${lastLines.at(-1)}`,
      {
        facts: { argv, exit, lastLines },
      },
    );
  }

  /** Asks the running OS to switch, and waits until `os` answers. Throws E_OS_UNKNOWN, what the OS says, E_TIMEOUT. */
  async switchTo(os: string, options?: SwitchOptions): Promise<SwitchResult> {
    this.requireOs(os);
    return await switchOs(await this.#connect(), os, options);
  }

  /** Has the running OS save `os`, itself when null. Returns what `torpor snapshot --json` prints; throws what it says. */
  async snapshot(os: string | null, options: SnapshotOptions = {}): Promise<Printed> {
    return await takeSnapshot(await this.#connect(), os, options);
  }

  /** Has the running OS bring another one back to `OS@TAG`, and stay where it is. Throws what `torpor restore` says. */
  async restore(reference: string, options: RestoreOptions = {}): Promise<Printed> {
    return await restoreSnapshot(await this.#connect(), reference, options);
  }

  /** Brings an OS back to `OS@TAG` and waits until it answers; also the OS that runs. Throws what `torpor switch` says. */
  async enter(reference: string, options: RestoreOptions = {}): Promise<Pong> {
    return await enterSnapshot(await this.#connect(), reference, options);
  }

  async screenshot(file: string): Promise<void> {
    requireQemu(this.state);
    const qmp = await openQmp(this.state.sockets.qmp);
    try {
      await takeScreenshot(qmp, file);
    } finally {
      qmp.close();
    }
  }

  async evidence(directory: string): Promise<void> {
    await collectEvidence(this.state, directory);
  }

  /** Shuts every OS down in order, home last, and waits until the machine is off. Throws E_STOP_REFUSED. */
  async shutDown(report: (step: string) => void = () => {}): Promise<void> {
    await this.#exclusive(async () => {
      await shutDownMachine(this, report);
      this.close();
      await killQemu(this.state);
    });
  }

  /** Throws E_OS_UNKNOWN. */
  requireOs(name: string): void {
    const names = this.spec.oses.map((os) => os.name);
    if (names.includes(name)) return;
    throw new TorporError('E_OS_UNKNOWN', `the lab has no OS called “${name}”`, {
      facts: { name, known: names },
      hint: 'see `torpor lab status`',
    });
  }

  /** Lets go of the agent; the machine goes on. */
  close(): void {
    this.#agent?.then((agent) => agent.close()).catch(() => {});
    this.#agent = null;
  }

  async #connect(): Promise<AgentClient> {
    requireQemu(this.state);
    this.#agent ??= openAgent(this.state.sockets.agent);
    return await this.#agent;
  }

  /** Asks again and again: what is said while an OS starts may be lost. */
  async #awaitPing(timeoutMs: number): Promise<Pong> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      try {
        return await this.ping();
      } catch (error) {
        const isSlow = error instanceof TorporError && error.code === 'E_TIMEOUT';
        if (!isSlow || performance.now() > deadline) throw error;
      }
    }
  }

  /** At the first start of a machine the bank's disk is empty. */
  async #makeBank(): Promise<void> {
    if (!this.spec.disks.some(({ serial }) => serial === BANK_DISK)) return;
    const hasDisk = `grep -q ' ${BANK_DIRECTORY} ' /proc/mounts`;
    const script = `${hasDisk} || exit 0; [ -e ${BANK_DIRECTORY}/oci-layout ] || exec ${TORPOR} bank init`;
    await this.run(['sh', '-c', script], { timeoutMs: HOME_BOOT_MS });
  }

  /** A port of an earlier power-on may have been taken by somebody since. */
  async #renewPorts(): Promise<void> {
    for (const os of this.spec.oses) {
      if (await isPortFree(os.sshPort)) continue;
      const [port] = await findFreePorts(1);
      os.sshPort = port!;
      writeJsonFile(this.state.specFile, this.spec);
    }
  }

  #exclusive<T>(action: () => Promise<T>): Promise<T> {
    return withLock(`${this.state.directory}/lock`, action);
  }
}
