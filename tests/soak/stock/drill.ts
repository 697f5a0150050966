import { parseJson, type SnapshotAnswer, type StockMoment } from '../../lab/stock/moment.ts';
import type { ScriptResult } from '../../lab/stock/script-port.ts';
import type { StockMachine } from '../../lab/stock/stock-machine.ts';
import type { Witness } from '../../survival/witness.ts';
import { DRILL_TOOLS, type DrillTools } from './drill-tools.ts';
import { type Said, stagesOfRestore } from './restore-stages.ts';
import { BUSY, type Round, type Way } from './round.ts';
import type { StockStep } from './step.ts';
import { NAMES, STAGING, type Which } from './stock-pair.ts';

/** Snapshots of an OS that are kept: the newest, and an older one. */
const KEPT = 2;
const PRUNE_EVERY = 10;

interface SwitchAnswer {
  readonly os: string;
  readonly from: string | null;
  readonly stagesMs: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
}

/** A moment of one of the two, and how often it has come back. */
type Moment = StockMoment & { readonly which: Which; restores: number };

/** Two OSes on one machine that are saved, restored and switched, with a witness in each. */
export class StockDrill {
  readonly #machine: StockMachine;
  readonly #onStep: (step: StockStep) => void;
  readonly #tools: DrillTools;
  readonly #said: Said[] = [];
  readonly #witnesses: Witness[] = [];
  readonly #moments: [Moment[], Moment[]] = [[], []];
  /** The scripts that parked the OSes which are parked. */
  readonly #left: [string | null, string | null] = [null, null];
  #here: Which = 0;
  #round = 0;
  /** What is done, for whoever finds that it fails. */
  doing = 'preparation';

  constructor(machine: StockMachine, onStep: (step: StockStep) => void, tools = DRILL_TOOLS) {
    this.#machine = machine;
    this.#tools = tools;
    this.#onStep = onStep;
    machine.watchConsole((line) => {
      if (line.includes('torpor:')) this.#said.push({ atMs: performance.now(), line });
    });
  }

  /** Programs that cannot run, each with its OS and reason. */
  get skipped(): string[] {
    return this.#witnesses.flatMap(({ os, skipped }) =>
      skipped.map(({ id, reason }) => `${id} in ${os.name}: ${reason}`),
    );
  }

  /** Both OSes, one snapshot of each; the second one runs then, the first one is parked. */
  async prepare(say: (text: string) => void): Promise<void> {
    for (const which of [0, 1] as const) {
      this.#here = which;
      this.#witnesses[which] = await this.#tools.prepareOs(this.#machine, which, say);
      say(`${NAMES[which]} runs with its witness`);
      await this.#snapshot('base');
      const { release, sha256 } = await this.#tools.installInitramfs(this.#machine);
      const script = this.#park();
      await this.#machine.off();
      await this.#machine.adoptInitrd(release, sha256, which);
      if (which === 1) {
        await this.#powerOnInto(script, 1);
        await this.#witnesses[1]!.verify();
        this.#left[1] = null;
      }
      say(`${NAMES[which]} is saved, and was parked`);
    }
  }

  async round({ number, way, programs }: Round): Promise<void> {
    this.#round = number;
    await this.#setLoad(programs === null);
    const moment = await this.#snapshot(`r${number}`);
    await this.#restore(way, this.#choose(way, moment), programs);
    if (this.#left[this.#other] === null) await this.#pairUp(programs);
    await this.#switch(programs);
    await this.#tidy();
  }

  /** Stops both in order: texts saved, transactions committed. */
  async finish(): Promise<void> {
    for (let stopped = 0; stopped < 2; stopped += 1) {
      this.doing = `stop of ${NAMES[this.#here]}`;
      await this.#tools.stopInOrder(this.#machine, this.#witnesses[this.#here]!);
      const script = this.#left[this.#other];
      if (stopped === 1 || script === null) return;
      this.#here = this.#other;
      await this.#powerOnInto(script, this.#here);
    }
  }

  get #other(): Which {
    return this.#here === 0 ? 1 : 0;
  }

  async #setLoad(isBusy: boolean): Promise<void> {
    this.doing = 'programs that never rest';
    const witness = this.#witnesses[this.#here]!;
    if (isBusy) await witness.prepare();
    else await witness.kill(BUSY);
  }

  /** Also has the OS go on: what comes now must not be there when the moment comes back. */
  async #snapshot(tag: string): Promise<Moment> {
    const name = NAMES[this.#here];
    this.doing = `snapshot of ${name}`;
    const witness = this.#witnesses[this.#here]!;
    const { moment, answer, totalMs } = await this.#tools.leaveMoment(this.#machine, witness, tag, STAGING);
    const made = { ...moment, which: this.#here, restores: 0 };
    this.#moments[this.#here].push(made);
    const stagesMs = { ...answer.stagesMs, paused: answer.pausedMs!, bank: answer.saved!.totalMs };
    this.#tell({ kind: 'snapshot', way: null, totalMs, stagesMs, verifyMs: 0 });
    return made;
  }

  #choose(way: Way, newest: Moment): Moment {
    if (way.startsWith('other')) return this.#moments[this.#other].at(-1)!;
    if (way === 'older') return this.#moments[this.#here].at(-2) ?? newest;
    return newest;
  }

  async #restore(way: Way, moment: Moment, programs: readonly string[] | null): Promise<void> {
    this.doing = `restore of ${moment.reference} (${way})`;
    if (way === 'other, this one parked') return await this.#switchToMoment(way, moment, programs);
    const startMs = performance.now();
    const isCut = way === 'power cut' || way === 'other after a power cut';
    if (isCut) {
      await this.#tools.must(this.#machine, `torpor restore ${moment.reference} --at-boot`);
      await this.#machine.cut();
    }
    const answer = isCut
      ? await this.#machine.powerOnInto(moment.script, moment.which)
      : await this.#machine.replaceBy(moment.script, `torpor restore ${moment.reference}`);
    await this.#arrive(way, moment, answer, startMs, programs);
  }

  /** This OS is parked in the same command. */
  async #switchToMoment(way: Way, moment: Moment, programs: readonly string[] | null): Promise<void> {
    const startMs = performance.now();
    const from = this.#here;
    const leaving = this.#machine.begin(answerOnly(`torpor switch ${moment.reference} --json`));
    const answer = await this.#machine.arrive(moment.script, leaving.result);
    this.#left[from] = leaving.id;
    await this.#arrive(way, moment, answer, startMs, programs);
  }

  /** The other OS was lost, its memory replaced by this one's: it comes back at a start, this one parked. */
  async #pairUp(programs: readonly string[] | null): Promise<void> {
    const moment = this.#moments[this.#other].at(-1)!;
    this.doing = `restore of ${moment.reference} beside a parked OS`;
    const startMs = performance.now();
    await this.#tools.must(this.#machine, `torpor restore ${moment.reference} --at-boot`);
    this.#park();
    await this.#machine.off();
    const answer = await this.#machine.powerOnInto(moment.script, moment.which);
    await this.#arrive('beside a parked OS', moment, answer, startMs, programs);
  }

  async #arrive(
    way: string,
    moment: Moment,
    result: ScriptResult,
    startMs: number,
    programs: readonly string[] | null,
  ): Promise<void> {
    const endMs = performance.now();
    moment.restores += 1;
    // Whatever was parked as this OS is not what its disks are any more; what ran is gone.
    if (moment.which !== this.#here) this.#left[moment.which] = null;
    this.#here = moment.which;
    const { outcome, reference, generation } = parseJson<SnapshotAnswer>(result);
    const seen = `${outcome} ${reference} ${generation}`;
    const wanted = `restored ${moment.reference} ${moment.restores}`;
    if (seen !== wanted) throw new Error(`“${seen}” instead of “${wanted}”`);
    const witness = this.#witnesses[moment.which]!;
    await this.#tools.requireMoment(this.#machine, witness, moment);
    await witness.verify(programs ?? undefined);
    const stagesMs = stagesOfRestore(startMs, endMs, this.#said.splice(0));
    const verifyMs = performance.now() - endMs;
    this.#tell({ kind: 'restore', way, totalMs: endMs - startMs, stagesMs, verifyMs });
  }

  async #switch(programs: readonly string[] | null): Promise<void> {
    const [from, to] = [this.#here, this.#other];
    this.doing = `switch to ${NAMES[to]}`;
    const startMs = performance.now();
    const leaving = this.#machine.begin(answerOnly(`torpor switch ${NAMES[to]} --json`));
    const result = await this.#machine.arrive(this.#left[to]!, leaving.result);
    const endMs = performance.now();
    this.#left[from] = leaving.id;
    this.#left[to] = null;
    this.#here = to;
    const answer = parseJson<SwitchAnswer>(result);
    const seen = `${answer.from} → ${answer.os}, ${answer.warnings.join('; ') || 'no warnings'}`;
    const wanted = `${NAMES[from]} → ${NAMES[to]}, no warnings`;
    if (seen !== wanted) throw new Error(`“${seen}” instead of “${wanted}”`);
    await this.#witnesses[to]!.verify(programs ?? undefined);
    const { stagesMs } = answer;
    const verifyMs = performance.now() - endMs;
    this.#tell({ kind: 'switch', way: `to ${NAMES[to]}`, totalMs: endMs - startMs, stagesMs, verifyMs });
  }

  #park(): string {
    const { id } = this.#machine.begin(answerOnly('torpor park --json'));
    this.#left[this.#here] = id;
    return id;
  }

  async #powerOnInto(script: string, which: Which): Promise<void> {
    const result = await this.#machine.powerOnInto(script, which);
    const { os } = parseJson<SwitchAnswer>(result);
    if (os !== NAMES[which]) throw new Error(`“${os}” instead of “${NAMES[which]}”`);
  }

  /** Old snapshots go, so that the bank's disk has room. */
  async #tidy(): Promise<void> {
    this.doing = 'removal of old snapshots';
    for (const moments of this.#moments) {
      for (const { reference } of moments.splice(0, moments.length - KEPT))
        await this.#tools.must(this.#machine, `torpor bank rm ${reference}`);
    }
    if (this.#round % PRUNE_EVERY === 0) await this.#tools.must(this.#machine, 'torpor bank prune');
  }

  #tell(step: Omit<StockStep, 'round' | 'os'>): void {
    this.#onStep({ round: this.#round, os: NAMES[this.#here], ...step });
  }
}

/** What a command says beside its answer is of interest when it fails. */
function answerOnly(command: string): string {
  return `${command} 2>/run/said || { status=$?; cat /run/said; exit $status; }`;
}
