import { setTimeout as sleep } from 'node:timers/promises';
import { TorporError } from '../../src/base/errors.ts';
import { withLock } from '../build/lock.ts';
import {
  type ExecOptions,
  type ExecResult,
  execInOs,
  type Pong,
  pingAgent,
  type SwitchResult,
  switchOs,
} from './agent-calls.ts';
import { type AgentClient, openAgent } from './agent-client.ts';
import { collectEvidence } from './evidence.ts';
import { findFreePorts, isPortFree } from './free-ports.ts';
import { homeOf, type MachineSpec } from './machine-spec.ts';
import { planQemuArguments } from './qemu-arguments.ts';
import { findQemu, killQemu, requireQemu, startQemu, waitForExit } from './qemu-process.ts';
import { openQmp } from './qmp.ts';
import { takeScreenshot } from './screenshot.ts';
import { logPosition, tailFile, waitForText } from './serial-log.ts';
import { type LabState, locateLab, readMachineSpec, writeJsonFile } from './state.ts';

/** Where every OS of the lab has Torpor; an OS brought in may have another PATH. */
export const TORPOR = '/opt/torpor/bin/torpor';

const HOME_BOOT_MS = 300_000;
const GUEST_BOOT_MS = 600_000;
const STOP_MS = 180_000;
/** What a kernel or the initramfs says when it will never get to its agent. */
const BOOT_FAILURE = /Kernel panic - not syncing[^\n]*|torpor: [^\n]*a shell is on the console/;

/** One lab machine on this host, running or not. Every command and every lab test works with this. */
export class LabMachine {
  readonly state: LabState;
  readonly spec: MachineSpec;
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

  /** Starts the machine with the disks that it has, and waits until home answers. Throws E_LAB_RUNNING. */
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
      return await this.#whileBooting(from, () => this.#awaitPing(HOME_BOOT_MS));
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
    await this.#whileBooting(from, () => this.run(command, { timeoutMs: GUEST_BOOT_MS }));
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
  async switchTo(os: string, timeoutMs?: number): Promise<SwitchResult> {
    this.requireOs(os);
    return await switchOs(await this.#connect(), os, timeoutMs);
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
      const qemu = requireQemu(this.state);
      const home = homeOf(this.spec).name;
      try {
        if ((await this.ping()).os !== home) await this.switchTo(home);
        const { slots } = JSON.parse(await this.run([TORPOR, 'status', '--json']));
        for (const { slot, name, state } of slots as { slot: number; name: string; state: string }[]) {
          if (slot === 0 || state === 'empty') continue;
          report(`stop ${name}`);
          const force = state === 'crashed' ? ['--force'] : [];
          await this.run([TORPOR, 'stop', ...force, name], { timeoutMs: STOP_MS });
        }
        report(`stop ${home}`);
        // The answer and the end of the line race.
        void this.exec(['poweroff']).catch(() => {});
      } catch (cause) {
        const message = cause instanceof Error ? cause.message : String(cause);
        throw new TorporError('E_STOP_REFUSED', `the lab machine cannot be shut down in order: ${message}`, {
          hint: 'end it as it is with `torpor lab down --force`',
          cause,
        });
      }
      if (!(await waitForExit(qemu, STOP_MS))) {
        throw new TorporError('E_STOP_REFUSED', `“${home}” did not power off within ${STOP_MS / 1000} s`, {
          facts: { lastLines: tailFile(this.state.consoleLog, 10) },
          hint: 'end it as it is with `torpor lab down --force`',
        });
      }
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

  /** Fails at once when the console shows that the boot has failed, or QEMU is gone. */
  async #whileBooting<T>(from: number, action: () => Promise<T>): Promise<T> {
    const stop = new AbortController();
    const watch = async (): Promise<never> => {
      const check = (): void => {
        stop.signal.throwIfAborted();
        requireQemu(this.state);
      };
      const options = { from, timeoutMs: Number.POSITIVE_INFINITY, pollMs: 250, check };
      const [line] = await waitForText(this.state.consoleLog, BOOT_FAILURE, options);
      await sleep(500);
      throw new TorporError('E_LAB_MACHINE', `an OS did not start: ${line.trim()}`, {
        facts: { lastLines: tailFile(this.state.consoleLog, 15), log: this.state.consoleLog },
        hint: `read ${this.state.consoleLog}`,
      });
    };
    const watching = watch();
    watching.catch(() => {});
    try {
      return await Promise.race([action(), watching]);
    } finally {
      stop.abort();
    }
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
