import { TorporError } from '../../../src/base/errors.ts';
import { GIB } from '../../../src/base/units.ts';
import { ensureStockDebian } from '../../lab/stock/debian-stock.ts';
import { StockMachine } from '../../lab/stock/stock-machine.ts';
import { readState, START_WITNESS, STATE, type Witness } from '../../lab/stock/witness-state.ts';

export const NAMES = ['debian12', 'debian13'] as const;
export type Which = 0 | 1;

/** What `torpor snapshot --json` and `torpor switch --json` say of the time that they took. */
export interface Timed {
  readonly stagesMs: Readonly<Record<string, number>>;
}
export interface SnapshotReport extends Timed {
  readonly pausedMs: number;
}
export interface SwitchReport extends Timed {
  readonly os: string;
  readonly from: string | null;
  readonly switchMs: number | null;
}

/**
 * Debian 12 and Debian 13 with their own kernels on one machine, with a disk to park on and one for swap. In both
 * a program works that notices when it was not the one that went on.
 */
export class StockPair {
  readonly machine: StockMachine;
  /** Where both see the swap disk. */
  readonly swap: string;
  readonly #witnesses: Witness[] = [];
  /** The commands that the systems have left with. */
  readonly #left: string[] = [];

  private constructor(machine: StockMachine, swap: string) {
    this.machine = machine;
    this.swap = swap;
  }

  static async make(directory: string): Promise<StockPair> {
    const debians = [
      await ensureStockDebian('stock12', () => {}),
      await ensureStockDebian('stock13', () => {}),
    ];
    const machine = await StockMachine.makeWith(debians, directory, GIB);
    return new StockPair(machine, await machine.addDisk('swap', GIB));
  }

  /** Kernel arguments for a resumption from the swap disk, whether there is something to resume or not. */
  get #arguments(): string[] {
    return [`resume=${this.swap}`];
  }

  /** Starts one of them, with its witness. */
  async start(which: Which): Promise<void> {
    await this.machine.start(this.#arguments, which);
    await this.run(START_WITNESS);
    this.#witnesses[which] = await this.#look();
  }

  /** Throws E_LAB_COMMAND when the script fails. */
  async run(script: string): Promise<string> {
    const { status, output } = await this.machine.run(script, 30 * 60_000);
    if (status === 0) return output;
    throw new TorporError('E_LAB_COMMAND', `a script ended with status ${status}: ${output}`);
  }

  async snapshot(tag: string): Promise<SnapshotReport> {
    return JSON.parse(await this.run(`torpor snapshot --tag ${tag} --json 2>/dev/null`)) as SnapshotReport;
  }

  /** Parks one of them and turns the machine off. */
  async parkAndOff(which: Which): Promise<void> {
    this.#left[which] = this.machine.begin('torpor park --json 2>/dev/null').id;
    await this.machine.off();
  }

  /** Leaves the one for the other; `hostMs` is from the request to the answer. */
  async switchTo(to: Which): Promise<{ readonly report: SwitchReport; readonly hostMs: number }> {
    const startMs = performance.now();
    const leaving = this.machine.begin(`torpor switch ${NAMES[to]} --json 2>/dev/null`);
    const { status, output } = await this.machine.arrive(this.#left[to]!, leaving.result);
    const hostMs = performance.now() - startMs;
    this.#left[1 - to] = leaving.id;
    if (status !== 0) throw new TorporError('E_LAB_COMMAND', `a switch ended with ${status}: ${output}`);
    await this.requireSame(to);
    return { report: JSON.parse(output) as SwitchReport, hostMs };
  }

  /**
   * The kernel's own hibernation: from the write to /sys/power/state until the machine is off, and from power-on
   * until the shell that wrote goes on.
   */
  async hibernate(which: Which): Promise<{ readonly hibernateMs: number; readonly resumeMs: number }> {
    const { machine, swap } = this;
    await this.run(`mkswap ${swap} && swapon ${swap} && echo shutdown >/sys/power/disk`);
    const asleep = machine.again('asleep');
    const { id } = machine.begin("echo 'asleep 0 ' >/dev/ttyS1; echo disk >/sys/power/state");
    await asleep;
    const startMs = performance.now();
    await machine.off();
    const hibernateMs = performance.now() - startMs;
    const backMs = performance.now();
    const { status, output } = await machine.powerOnInto(id, which, this.#arguments);
    const resumeMs = performance.now() - backMs;
    if (status !== 0) throw new TorporError('E_LAB_COMMAND', `the kernel did not hibernate: ${output}`);
    await this.run(`swapoff ${swap}`);
    await this.requireSame(which);
    return { hibernateMs, resumeMs };
  }

  /** Throws when it is not the system that it was, with its memory and its files. */
  async requireSame(which: Which): Promise<void> {
    const [before, now] = [this.#witnesses[which]!, await this.#look()];
    if (now.nonce === before.nonce && now.count >= before.count) return;
    throw new TorporError('E_LAB_MACHINE', `${NAMES[which]} started anew instead of going on`);
  }

  async #look(): Promise<Witness> {
    return readState(await this.machine.run(STATE), 'before', 'same');
  }
}
