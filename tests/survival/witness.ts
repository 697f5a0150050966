import type { GuestOs } from './guest-os.ts';
import { type Facts, SurvivalError, type SurvivalProgram } from './program.ts';

/** The programs of one OS, and what must be true of each. */
export class Witness {
  readonly os: GuestOs;
  readonly #programs: readonly SurvivalProgram[];
  readonly #facts = new Map<string, Facts>();

  constructor(os: GuestOs, programs: readonly SurvivalProgram[]) {
    this.os = os;
    this.#programs = programs;
  }

  get programs(): readonly string[] {
    return this.#programs.map(({ id }) => id);
  }

  /** Starts all of them. The OS must run. */
  async prepare(): Promise<void> {
    await this.#each(async (program) => void this.#facts.set(program.id, await program.prepare(this.os)));
  }

  /** Checks all of them. The OS must run. Throws SurvivalError that names every one that did not go on. */
  async verify(): Promise<void> {
    await this.#each(async (program) => {
      const facts = this.#facts.get(program.id);
      if (facts === undefined) throw new SurvivalError('it was never prepared');
      this.#facts.set(program.id, await program.verify(this.os, facts));
    });
  }

  /** Ends those that have an orderly end. */
  async finish(): Promise<void> {
    await this.#each(async (program) => await program.finish?.(this.os, this.#facts.get(program.id)!));
  }

  async #each(action: (program: SurvivalProgram) => Promise<void>): Promise<void> {
    const results = await Promise.allSettled(this.#programs.map(action));
    const failures = results.flatMap((result, index) =>
      result.status === 'rejected'
        ? [`${this.#programs[index]!.id}: ${result.reason?.message ?? result.reason}`]
        : [],
    );
    if (failures.length > 0) {
      throw new SurvivalError(`in ${this.os.name}:\n${failures.map((text) => `  - ${text}`).join('\n')}`);
    }
  }
}
