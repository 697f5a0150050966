import { TorporError } from '../../../src/base/errors.ts';
import { GIB } from '../../../src/base/units.ts';
import { ensureStockDebian } from '../../lab/stock/debian-stock.ts';
import { StockMachine } from '../../lab/stock/stock-machine.ts';

export const NAMES = ['debian12', 'debian13'] as const;
export type Which = 0 | 1;

/** Counts in memory and on the disk, five times a second. */
const START_COUNT = `setsid sh -c 'n=0; while :; do
	n=$((n + 1)); echo $n >/run/torpor-bench; echo $n >>/var/tmp/torpor-bench; sleep 0.2; done' </dev/null >/dev/null 2>&1 &
until [ -s /run/torpor-bench ]; do sleep 0.2; done`;
const READ_STATE =
  'echo $(cat /proc/sys/kernel/random/boot_id /run/torpor-bench) $(tail -n 1 /var/tmp/torpor-bench)';

/** Counts until a second file is read after the first. */
const MAX_AHEAD = 50;

/** What a system is known by. */
interface State {
  /** Of its start. */
  readonly bootId: string;
  readonly count: number;
}

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
 * a program counts, which has to go on where it was.
 */
export class StockPair {
  readonly machine: StockMachine;
  /** Where both see the swap disk. */
  readonly swap: string;
  readonly #states: State[] = [];
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

  /** Starts one of them, with its program. */
  async start(which: Which): Promise<void> {
    await this.machine.start(this.#arguments, which);
    await this.run(START_COUNT);
    this.#states[which] = await this.#look();
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

  /** Throws E_LAB_MACHINE when it is not the system that it was, or its program does not go on. */
  async requireSame(which: Which): Promise<void> {
    const [before, now] = [this.#states[which]!, await this.#look()];
    if (now.bootId !== before.bootId || now.count < before.count) {
      throw new TorporError('E_LAB_MACHINE', `${NAMES[which]} started anew instead of going on`);
    }
    this.#states[which] = now;
  }

  async #look(): Promise<State> {
    const [bootId = '', count, onDisk] = (await this.run(READ_STATE)).split(' ');
    const ahead = Number(onDisk) - Number(count);
    // It goes on counting between the one and the other.
    if (!(ahead >= -1 && ahead <= MAX_AHEAD)) {
      throw new TorporError('E_LAB_MACHINE', `in memory is ${count}, and on the disk ${onDisk}`);
    }
    return { bootId, count: Number(count) };
  }
}
