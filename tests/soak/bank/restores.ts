import { setTimeout as sleep } from 'node:timers/promises';
import type { LabMachine } from '../../../lab/machine/lab-machine.ts';
import { homeOf } from '../../../lab/machine/machine-spec.ts';
import type { WitnessReport } from '../guest/report.ts';
import type { Journal } from '../journal.ts';
import { judge } from '../judge.ts';
import type { SeededRandom } from '../random.ts';
import { askWitness, bundleWitness, startWitness } from '../witness.ts';

const TAG = 'soak';
/** How long an OS goes on after its snapshot, so that what it is later can be told from what it was. */
const GO_ON_MS = 15_000;
const MAX_DWELL_MS = 2_000;

/** Where a restore is asked for: in home that stays, in home that goes there, in the OS itself. */
const WAYS = ['home', 'home goes', 'itself'] as const;

/** One restore and its times by the host's clock. */
export interface RestoreStep {
  readonly number: number;
  readonly os: string;
  readonly kind: 'power-cut' | 'in-place';
  readonly way: (typeof WAYS)[number];
  readonly restoreMs: number;
  readonly verifyMs: number;
}

/** What is true of an OS at its snapshot, and how far it got afterwards. */
interface Moment {
  readonly then: WitnessReport;
  readonly laterTicks: number;
}

/** OSes with a witness in each, saved once, to be restored again and again. */
export class RestoreDrill {
  readonly #machine: LabMachine;
  readonly #journal: Journal;
  readonly #random: SeededRandom;
  readonly #moments = new Map<string, Moment>();
  #current: string | null = null;

  constructor(machine: LabMachine, journal: Journal, random: SeededRandom) {
    this.#machine = machine;
    this.#journal = journal;
    this.#random = random;
  }

  /** Starts a witness in every guest, saves each guest and has it go on. */
  async prepare(say: (text: string) => void): Promise<void> {
    const program = await bundleWitness();
    for (const os of this.#machine.spec.oses.slice(1)) {
      await this.#goHome();
      await this.#machine.switchTo(os.name);
      const then = await startWitness(this.#machine, os, program);
      this.#journal.addVisit(os.name, then);
      await this.#goHome();
      const saved = await this.#machine.snapshot(os.name, { tag: TAG });
      say(`${os.name} is saved: ${JSON.stringify(saved.stagesMs ?? saved)}`);
      await this.#machine.switchTo(os.name);
      await sleep(GO_ON_MS);
      const later = await askWitness(this.#machine);
      this.#moments.set(os.name, { then, laterTicks: later.ticks });
    }
  }

  /** One restore; by turns after a power cut and in place. Returns its problems. Throws what commands say. */
  async step(number: number): Promise<{ done: RestoreStep; problems: string[] }> {
    const kind = number % 2 === 1 ? 'power-cut' : 'in-place';
    // All is drawn in any case, so that the sequence depends on nothing but the seed.
    const picked = this.#random.pick([...this.#moments.keys()]);
    const drawn = this.#random.pick(WAYS);
    const dwellMs = this.#random.next() * MAX_DWELL_MS;
    const os = kind === 'in-place' ? this.#current! : picked;
    const way = kind === 'power-cut' && drawn === 'itself' ? 'home' : drawn;
    await sleep(dwellMs);
    if (kind === 'power-cut') {
      await this.#machine.powerCut();
      await this.#machine.powerOn();
    }
    this.#current = os;
    const startedMs = performance.now();
    await this.#restore(os, way);
    const restoreMs = performance.now() - startedMs;
    const problems = await this.#verify(os);
    const verifyMs = performance.now() - startedMs - restoreMs;
    return { done: { number, os, kind, way, restoreMs, verifyMs }, problems };
  }

  async #restore(os: string, way: RestoreStep['way']): Promise<void> {
    const reference = `${os}@${TAG}`;
    if (way !== 'itself') await this.#goHome();
    if (way !== 'home') {
      await this.#machine.enter(reference);
      return;
    }
    await this.#machine.restore(reference);
    await this.#machine.switchTo(os);
  }

  async #verify(os: string): Promise<string[]> {
    const { then, laterTicks } = this.#moments.get(os)!;
    const now = await askWitness(this.#machine);
    this.#journal.addVisit(os, now);
    const late =
      now.ticks < laterTicks ? [] : [`ticks: ${now.ticks}, but the snapshot was taken before ${laterTicks}`];
    return [...judge(os, then, now), ...late];
  }

  async #goHome(): Promise<void> {
    const home = homeOf(this.#machine.spec).name;
    if ((await this.#machine.ping()).os !== home) await this.#machine.switchTo(home);
  }
}
