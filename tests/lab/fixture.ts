import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readLabConfig } from '../../lab/config/lab-config.ts';
import type { ExecOptions } from '../../lab/machine/agent-calls.ts';
import { labBuilder } from '../../lab/machine/lab-builder.ts';
import { LabMachine } from '../../lab/machine/lab-machine.ts';
import { findQemu, killQemu } from '../../lab/machine/qemu-process.ts';
import { TORPOR } from '../../lab/machine/shut-down.ts';
import { type LabState, locateLab } from '../../lab/machine/state.ts';
import { planUp } from '../../lab/machine/up.ts';
import { ERROR_CODES, type ErrorCodeName } from '../../src/base/error-codes.ts';
import { EXIT_STATUS } from '../../src/base/exit-status.ts';
import type { MachineStatus, SlotStatus } from '../../src/machine/status.ts';

/** A command line of `torpor` in an OS, and what came of it. */
export interface Ran {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The error that a command prints with `--json`. */
export interface PrintedError {
  readonly code: string;
  readonly message: string;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly hint?: string;
}

/** Checks a command that must have failed: its code, that code's exit status, and nothing on its output. */
export function requireRefusal(what: string, ran: Ran, code: ErrorCodeName): PrintedError {
  let error: PrintedError | undefined;
  try {
    error = (JSON.parse(ran.stderr) as { error: PrintedError }).error;
  } catch {
    // The comparison below shows what it said instead.
  }
  const seen = { code: error?.code ?? `${ran.stdout}${ran.stderr}`, exit: ran.exit, stdout: ran.stdout };
  assert.deepEqual(seen, { code, exit: EXIT_STATUS[ERROR_CODES[code].exit], stdout: '' }, what);
  return error!;
}

/** The one lab machine that all suites share. */
export class Lab {
  readonly state: LabState;
  #machine: LabMachine | null = null;

  /** `TORPOR_LAB_DIR` names the machine's directory. */
  constructor() {
    const directory = process.env.TORPOR_LAB_DIR ?? join(tmpdir(), `torpor-lab-tests-${process.getuid!()}`);
    this.state = locateLab({ ...process.env, TORPOR_LAB_DIR: directory });
  }

  get machine(): LabMachine {
    this.#machine ??= LabMachine.open(this.state);
    return this.#machine;
  }

  /** Brings the machine up: home, every guest booted and parked again. */
  async open(): Promise<void> {
    mkdirSync(this.state.directory, { recursive: true });
    if (keeps() && findQemu(this.state) !== null) return await this.settle();
    await killQemu(this.state);
    await this.#bringUp();
  }

  get home(): string {
    return this.machine.spec.oses[0]!.name;
  }

  get guests(): string[] {
    return this.machine.spec.oses.slice(1).map(({ name }) => name);
  }

  get names(): string[] {
    return [this.home, ...this.guests];
  }

  /** A command may have the agent's line to itself: it takes one client at a time. */
  letGo(): void {
    this.machine.close();
  }

  /** Sees to it that the named OS runs. */
  async go(os: string): Promise<void> {
    if ((await this.machine.ping()).os !== os) await this.machine.switchTo(os);
  }

  /** Runs `torpor` in the OS that runs. */
  async torpor(args: readonly string[], options: ExecOptions = {}): Promise<Ran> {
    return await this.exec([TORPOR, ...args], options);
  }

  /** Runs `torpor … --json`, which must fail with this error and this exit status. */
  async refusal(args: readonly string[], code: ErrorCodeName): Promise<PrintedError> {
    return requireRefusal(args.join(' '), await this.torpor([...args, '--json']), code);
  }

  async exec(argv: readonly string[], options: ExecOptions = {}): Promise<Ran> {
    const { exit, stdout, stderr } = await this.machine.exec(argv, { timeoutMs: 180_000, ...options });
    return { exit, stdout: stdout.toString(), stderr: stderr.toString() };
  }

  /** Runs a shell script that must end well, and returns its output, trimmed. */
  async sh(script: string, options: ExecOptions = {}): Promise<string> {
    return (await this.machine.run(['sh', '-c', script], { timeoutMs: 180_000, ...options })).trim();
  }

  /** `torpor status --json` of the OS that runs. */
  async status(): Promise<MachineStatus> {
    return JSON.parse(await this.machine.run([TORPOR, 'status', '--json'], { timeoutMs: 60_000 }));
  }

  async slotOf(os: string): Promise<SlotStatus> {
    const { slots } = await this.status();
    return slots.find(({ name }) => name === os)!;
  }

  /**
   * From whatever a test has left: home runs and every guest is parked. A machine that does not
   * answer is switched off and on again.
   */
  async settle(): Promise<void> {
    try {
      await this.machine.ping(60_000);
      await this.go(this.home);
    } catch (error) {
      console.log(`the machine does not answer (${error}); it is started anew`);
      await this.powerCycle();
    }
    for (const guest of this.guests) {
      const slot = await this.slotOf(guest);
      if (slot?.state === 'parked') continue;
      if (slot !== undefined && slot.state !== 'empty')
        await this.machine.run([TORPOR, 'stop', '--force', guest]);
      await this.machine.boot(guest);
    }
  }

  async powerCycle(): Promise<void> {
    if (this.machine.isRunning) await this.machine.powerCut();
    await this.machine.powerOn();
  }

  /** Ends the machine, whatever it does. */
  async close(): Promise<void> {
    this.#machine?.close();
    if (!keeps()) await killQemu(this.state);
  }

  async #bringUp(): Promise<void> {
    const file = process.env.TORPOR_LAB_TEST_CONFIG ?? join(import.meta.dirname, 'lab.toml');
    for (const { title, run } of planUp(readLabConfig(file), this.state, labBuilder)) {
      const started = performance.now();
      await run(() => {});
      console.log(`${title}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
    }
  }
}

/** For whoever works on a test: the machine stays, and the next run uses it. */
function keeps(): boolean {
  return process.env.TORPOR_LAB_KEEP === '1';
}
