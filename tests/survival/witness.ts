import { GuestOs } from './guest-os.ts';
import { type Facts, SurvivalError, type SurvivalProgram } from './program.ts';
import { programsFor, type SkippedProgram, skippedPrograms } from './registry.ts';
import type { SurvivalMachine } from './survival-machine.ts';

/** Facts of a witness's programs at one moment. */
export type Memory = ReadonlyMap<SurvivalProgram, Facts>;

/** The programs of one OS in one of its lives, and what must be true of each. */
export class Witness {
  readonly os: GuestOs;
  /** Of the boot that it belongs to. */
  readonly bootId: string;
  readonly #facts = new Map<SurvivalProgram, Facts>();

  private constructor(os: GuestOs, bootId: string) {
    this.os = os;
    this.bootId = bootId;
  }

  /** For the OS that runs now. */
  static async open(machine: SurvivalMachine): Promise<Witness> {
    const { os, bootId } = await machine.ping();
    return new Witness(await GuestOs.look(machine, os), bootId);
  }

  /** The programs that run. */
  get programs(): readonly string[] {
    return [...this.#facts.keys()].map(({ id }) => id);
  }

  /** The programs that this OS can run. */
  get possible(): readonly string[] {
    return programsFor(this.os).map(({ id }) => id);
  }

  /** The programs that this OS cannot run. */
  get skipped(): readonly SkippedProgram[] {
    return skippedPrograms(this.os);
  }

  /** Starts the named programs, or all that this OS can run; one that runs already is left alone. */
  async prepare(ids?: readonly string[]): Promise<void> {
    const wanted = programsFor(this.os).filter((program) => ids?.includes(program.id) ?? true);
    const missing = wanted.filter((program) => !this.#facts.has(program));
    await this.#each(missing, async (program) => {
      this.#facts.set(program, await program.prepare(this.os));
    });
  }

  /** Checks all programs, or those of the named ones that run. Throws SurvivalError that names every one that did not go on. */
  async verify(ids?: readonly string[]): Promise<void> {
    const { os, bootId } = await this.os.machine.ping();
    if (os !== this.os.name || bootId !== this.bootId) {
      throw new SurvivalError(`${os} runs in its boot ${bootId}, not ${this.os.name} in ${this.bootId}`);
    }
    const programs = [...this.#facts.keys()].filter(({ id }) => ids?.includes(id) ?? true);
    await this.#each(programs, async (program) => {
      this.#facts.set(program, await program.verify(this.os, this.#facts.get(program)!));
    });
  }

  /** Kills the named programs, each of which is a process with children, and forgets them. */
  async kill(ids: readonly string[]): Promise<void> {
    for (const [program, facts] of this.#facts) {
      if (!ids.includes(program.id)) continue;
      await this.os.sh(`kill -9 -${facts.pid}`);
      this.#facts.delete(program);
    }
  }

  /** What is true of each program now, as far as it was looked at: a snapshot taken now holds it. */
  remember(): Memory {
    return new Map(this.#facts);
  }

  /** Its OS was set back to that moment: programs that were started later are gone, all others go on from there. */
  rewind(memory: Memory): void {
    this.#facts.clear();
    for (const [program, facts] of memory) this.#facts.set(program, facts);
  }

  /** Has the programs end that have an orderly end, and checks what they leave behind. */
  async finish(): Promise<void> {
    await this.#each([...this.#facts.keys()], async (program) => {
      if (program.finish === undefined) return;
      await program.finish(this.os, this.#facts.get(program)!);
      this.#facts.delete(program);
    });
  }

  async #each(
    programs: readonly SurvivalProgram[],
    action: (program: SurvivalProgram) => Promise<void>,
  ): Promise<void> {
    const failures: string[] = [];
    const waiting = [...programs];
    const work = async (): Promise<void> => {
      for (let program = waiting.shift(); program !== undefined; program = waiting.shift()) {
        const { id } = program;
        await action(program).catch((error) => failures.push(`  - ${id}: ${error?.message ?? error}`));
      }
    };
    const hands = Math.min(this.os.machine.atATime, programs.length);
    await Promise.all(Array.from({ length: hands }, work));
    if (failures.length > 0) throw new SurvivalError(`in ${this.os.name}:\n${failures.join('\n')}`);
  }
}
