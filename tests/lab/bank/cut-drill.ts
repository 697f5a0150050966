import { setTimeout as sleep } from 'node:timers/promises';
import type { LabMachine } from '../../../lab/machine/lab-machine.ts';
import { homeOf } from '../../../lab/machine/machine-spec.ts';
import { TORPOR } from '../../../lab/machine/shut-down.ts';
import type { SeededRandom } from '../../soak/random.ts';
import { type Memory, Witness } from '../../survival/witness.ts';
import { readBankFiles, verifyBank } from './bank-files.ts';
import { whoseEndsAreInside } from './programs.ts';

const BASE = 'base';
const OPERATIONS = ['snapshot', 'restore', 'prune'] as const;
type Operation = (typeof OPERATIONS)[number];
/** Cheap, and enough to tell an OS that came back from one that did not. */
const PROGRAMS = ['nonce', 'tmpfs-file', 'growing-file', 'unlinked-file', 'pipe-in-flight'];
/** What an OS writes between two snapshots, so that the second one has something to store. */
const CHANGE_MIB = 8;
const COMMAND_MS = 900_000;

/** One power cut, and what the machine was doing. */
export interface CutStep {
  readonly operation: Operation;
  /** How long the operation had gone on. */
  readonly afterMs: number;
  /** It had ended before the power failed. */
  readonly ended: boolean;
  /** The snapshot that was in the making is there. */
  readonly isThere: boolean | null;
  readonly problems: readonly string[];
}

/**
 * An OS with a snapshot, and operations on the bank in the middle of which the power fails. After each
 * cut the bank must hold every snapshot that was complete, a half-made one must not be seen, and the
 * OS must come back from the bank as it was at its snapshot.
 */
export class CutDrill {
  readonly #machine: LabMachine;
  readonly #random: SeededRandom;
  readonly #os: string;
  /** Tags of complete snapshots besides the one that is restored. */
  readonly #tags = new Set<string>();
  /** Snapshots that were there before and that nobody touches, as OS@TAG. */
  #others: ReadonlySet<string> = new Set();
  readonly #durationsMs = new Map<Operation, number>();
  #witness!: Witness;
  #moment!: Memory;
  #made = 0;

  constructor(machine: LabMachine, random: SeededRandom, os: string) {
    this.#machine = machine;
    this.#random = random;
    this.#os = os;
  }

  /**
   * From a machine on which the OS runs, with the witness of its programs, if it has one already. Learns
   * how long each operation takes without a cut.
   */
  async prepare(witness?: Witness): Promise<void> {
    await this.#goTo(this.#os);
    this.#witness = witness ?? (await Witness.open(this.#machine));
    await this.#witness.prepare(PROGRAMS);
    await this.#witness.verify();
    this.#moment = whoseEndsAreInside(this.#witness.remember());
    await this.#goTo(this.#home);
    await this.#discard(BASE);
    this.#others = new Set((await readBankFiles(this.#machine)).snapshots.keys());
    await this.#machine.snapshot(this.#os, { tag: BASE });
    for (const operation of ['snapshot', 'restore', 'prune'] as const) {
      await this.#change();
      const startedMs = performance.now();
      await this.#begin(operation, this.#nextTag());
      this.#durationsMs.set(operation, performance.now() - startedMs);
    }
  }

  /** How long the operations take; ms. */
  get durationsMs(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#durationsMs);
  }

  /** One cut, and everything that must be true after it. Throws what commands say. */
  async step(): Promise<CutStep> {
    const operation = this.#random.pick(OPERATIONS);
    const share = this.#random.next();
    await this.#change();
    if (operation === 'prune' && this.#tags.size === 0) await this.#begin('snapshot', this.#nextTag());
    const tag = operation === 'prune' ? [...this.#tags][0]! : this.#nextTag();
    const afterMs = Math.round(share * 1.1 * this.#durationsMs.get(operation)!);
    let ended = false;
    const begun = this.#begin(operation, tag).then(
      () => {
        ended = true;
      },
      () => {},
    );
    await sleep(afterMs);
    await this.#machine.powerCut();
    const endedBefore = ended;
    await begun;
    await this.#machine.powerOn();
    const { problems, isThere } = await this.#judge(operation, tag, endedBefore);
    return { operation, afterMs, ended: endedBefore, isThere, problems };
  }

  async #judge(operation: Operation, tag: string, ended: boolean) {
    const problems: string[] = [];
    const reference = (name: string): string => `${this.#os}@${name}`;
    const known = new Set([...this.#others, ...[BASE, ...this.#tags].map(reference)]);
    const found = await readBankFiles(this.#machine);
    const there = new Set(found.snapshots.keys());
    const isThere = there.has(reference(tag));
    // Of these two either is right while they were at work; then it has to be whole.
    const open = operation === 'restore' ? null : reference(tag);
    for (const each of known) {
      if (!there.has(each) && each !== open) problems.push(`the snapshot ${each} is gone`);
    }
    for (const each of there) {
      if (!known.has(each) && each !== open) problems.push(`there is a snapshot ${each}`);
    }
    if (ended && operation === 'snapshot' && !isThere) problems.push(`${tag} was saved and is gone`);
    if (ended && operation === 'prune' && isThere) problems.push(`${tag} was removed and is there`);
    if (found.missing.length > 0) problems.push(`blobs are missing: ${found.missing.join(', ')}`);
    if (operation !== 'restore') {
      if (isThere) this.#tags.add(tag);
      else this.#tags.delete(tag);
    }
    await verifyBank(this.#machine);
    await this.#restoreBase(operation === 'restore' && !ended);
    // A restore opens the bank for writing: what was left half-made is gone by now.
    const after = await readBankFiles(this.#machine);
    if (after.unused.length > 0) problems.push(`blobs that nobody needs: ${after.unused.join(', ')}`);
    if (after.temporary.length > 0) problems.push(`left in torpor/tmp: ${after.temporary.join(', ')}`);
    return { problems, isThere: operation === 'restore' ? null : isThere };
  }

  /** Brings the OS back and sees that it is the one of the snapshot. */
  async #restoreBase(wasCut: boolean): Promise<void> {
    if (wasCut) await this.#requireKnown();
    await this.#machine.restore(`${this.#os}@${BASE}`);
    await this.#goTo(this.#os);
    this.#witness.rewind(this.#moment);
    await this.#witness.verify();
    await this.#goTo(this.#home);
  }

  /** After a cut in the middle of a restore the OS must not be there as if nothing had happened. */
  async #requireKnown(): Promise<void> {
    const status = JSON.parse(await this.#machine.run([TORPOR, 'status', '--json'])) as {
      slots: { name: string; state: string }[];
    };
    const slot = status.slots.find(({ name }) => name === this.#os);
    if (slot !== undefined && slot.state !== 'empty') {
      throw new Error(`${this.#os} is ${slot.state} after the power failed`);
    }
  }

  async #begin(operation: Operation, tag: string): Promise<void> {
    const reference = `${this.#os}@${tag}`;
    if (operation === 'snapshot') {
      await this.#machine.snapshot(this.#os, { tag, timeoutMs: COMMAND_MS });
      this.#tags.add(tag);
    } else if (operation === 'restore') {
      await this.#machine.restore(`${this.#os}@${BASE}`, { timeoutMs: COMMAND_MS });
    } else {
      const doomed = this.#tags.has(tag) ? reference : `${this.#os}@${[...this.#tags][0]}`;
      await this.#machine.run([TORPOR, 'bank', 'rm', doomed], { timeoutMs: COMMAND_MS });
      this.#tags.delete(doomed.split('@')[1]!);
      await this.#machine.run([TORPOR, 'bank', 'prune'], { timeoutMs: COMMAND_MS });
    }
  }

  /** The OS runs a moment and writes something. */
  async #change(): Promise<void> {
    await this.#goTo(this.#os);
    const write = `dd if=/dev/urandom of=/var/lib/change bs=64k count=${CHANGE_MIB * 16} conv=fsync 2>/dev/null`;
    await this.#machine.run(['sh', '-c', write]);
    await this.#goTo(this.#home);
  }

  async #discard(tag: string): Promise<void> {
    const { stdout } = await this.#machine.exec([TORPOR, 'bank', 'ls', '--json']);
    if (stdout.toString().includes(`${this.#os}@${tag}`))
      await this.#machine.run([TORPOR, 'bank', 'rm', `${this.#os}@${tag}`]);
  }

  #nextTag(): string {
    this.#made += 1;
    return `cut-${this.#made}`;
  }

  get #home(): string {
    return homeOf(this.#machine.spec).name;
  }

  async #goTo(os: string): Promise<void> {
    if ((await this.#machine.ping()).os !== os) await this.#machine.switchTo(os);
  }
}
