import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCodeName } from '../base/error-codes.ts';
import { asyncFailure } from '../base/errors.fixture.ts';

export const OS_NAMES = ['debian12', 'debian13'] as const;
export type OsName = (typeof OS_NAMES)[number];

/** What an OS says that has come back from a snapshot. */
export interface Back {
  readonly os: OsName;
  readonly reference: string;
  /** How often that snapshot was restored, with this time. */
  readonly generation: number;
  /** What it got for its random pool. */
  readonly seed: string;
}

/** What an OS says that somebody has switched to. */
export interface Switched {
  readonly os: string;
  readonly from: string;
}

/** A thing that keeps a command from being carried out. */
export type Trouble =
  /** The kernel will not freeze its programs. */
  | 'freeze'
  /** The disk of “debian12” is not attached any more. */
  | 'missing disk'
  /** That disk cannot be read. */
  | 'unreadable disk'
  /** The processor is another one. */
  | 'processor';

/** A machine with two OSes and an empty bank; “debian12” runs, somebody can switch to “debian13”. */
export interface EngineMachine {
  /** Null after a power cut: nobody has been started yet. */
  readonly running: OsName | null;
  /** A fingerprint of what an OS holds in memory and on its disk, running or parked. */
  contentOf(os: OsName): string;
  /** The OS that runs goes on: its memory and its disk become others. */
  goOn(): void;
  /** What the bank has. */
  references(): Promise<string[]>;
  /** Saves the OS that runs; it goes on. */
  snapshot(tag: string): Promise<void>;
  /** The same, and the power fails with the n-th change of what is written to, and comes back; false when there are fewer. */
  snapshotCutAt(tag: string, change: number): Promise<boolean>;
  /** Asked for in the OS that runs, which is replaced. */
  restore(reference: string): Promise<Back>;
  /** The same, and the power fails with the n-th write to the OS's disk; false when there are fewer. */
  restoreCutAt(reference: string, write: number): Promise<boolean>;
  /** What follows such a cut, by itself or because its user does what he is told. */
  completeRestore(reference: string): Promise<Back>;
  cutPower(): void;
  /** The OS is wanted back, the power fails, and the machine is started: whichever is asked for first. */
  restoreAfterPowerCut(reference: string): Promise<Back>;
  switchTo(os: string): Promise<Switched>;
  /** The machine is started after a power cut, and an OS that was parked goes on. */
  startParked(os: OsName): Promise<void>;
  /** Somebody writes to the disk of a parked OS. */
  writeToDiskOf(os: OsName): void;
  /** A byte of a snapshot in the bank changes. */
  damage(reference: string): void;
  make(trouble: Trouble): void;
  /** Hooks that have run in the OS that runs since it was left, in their order. */
  hooks(): readonly string[];
  /** Whatever else a refused command has to leave as it was: nothing frozen, nothing waiting. */
  rest(): string;
}

type Command = (machine: EngineMachine) => Promise<unknown>;
/** What is refused, and how. */
type Refusal = readonly [what: string, code: ErrorCodeName, command: Command];

const restore: Command = (machine) => machine.restore('debian12@monday');
const saveAgain: Command = (machine) => machine.snapshot('tuesday');

function inTrouble(trouble: Trouble, command: Command): Command {
  return (machine) => {
    machine.make(trouble);
    return command(machine);
  };
}

/** Clauses that an engine does not have, and why. */
export type Skips = Readonly<Record<string, string>>;

/** What every engine does. `make` gives a machine of its own. */
export function describeEngine(
  name: string,
  make: () => EngineMachine | Promise<EngineMachine>,
  /** What a switch to an OS that nobody has parked is. */
  notParked: ErrorCodeName,
  skips: Skips,
): void {
  const clauses = new Set<string>();
  const clause = (what: string, body: (machine: EngineMachine) => Promise<void>): void => {
    clauses.add(what);
    test(`${name}: ${what}`, { skip: skips[what] ?? false }, async () => body(await make()));
  };
  /** A command that is refused with this code and changes nothing. */
  const refuse = async (
    machine: EngineMachine,
    code: ErrorCodeName,
    command: () => Promise<unknown>,
  ): Promise<void> => {
    const look = async (): Promise<unknown> => ({
      running: machine.running,
      contents: OS_NAMES.map((os) => machine.contentOf(os)),
      references: await machine.references(),
      rest: machine.rest(),
    });
    const before = await look();
    const { hint } = await asyncFailure(code, command());
    assert.deepEqual(await look(), before);
    // What the kernel says by itself explains itself.
    if (code !== 'E_SYSCALL') assert.ok(hint, `${code} without a hint`);
  };
  const saved = async (machine: EngineMachine): Promise<string> => {
    const content = machine.contentOf('debian12');
    await machine.snapshot('monday');
    return content;
  };
  const requireBack = (machine: EngineMachine, back: Back, generation: number, content: string): void => {
    const { os, reference } = back;
    assert.deepEqual([os, reference, back.generation], ['debian12', 'debian12@monday', generation]);
    assert.equal(machine.running, 'debian12');
    assert.equal(machine.contentOf('debian12'), content);
  };

  clause('a snapshot leaves its OS running as it is', async (machine) => {
    const content = await saved(machine);
    assert.deepEqual([machine.running, machine.contentOf('debian12')], ['debian12', content]);
    assert.deepEqual(await machine.references(), ['debian12@monday']);
  });

  clause('a restore brings memory and disk back to the moment, any number of times', async (machine) => {
    const [other, rest] = [machine.contentOf('debian13'), machine.rest()];
    const content = await saved(machine);
    assert.equal(machine.rest(), rest);
    const seeds = new Set<string>();
    for (const generation of [1, 2, 3]) {
      machine.goOn();
      assert.notEqual(machine.contentOf('debian12'), content);
      const back = await machine.restore('debian12@monday');
      requireBack(machine, back, generation, content);
      assert.equal(machine.rest(), rest, 'nothing waits any more');
      seeds.add(back.seed);
    }
    assert.equal(seeds.size, 3, 'two restores of one snapshot do not draw the same random numbers');
    assert.equal(machine.contentOf('debian13'), other);
  });

  clause('an older snapshot comes back beside a newer one', async (machine) => {
    const content = await saved(machine);
    machine.goOn();
    const newer = machine.contentOf('debian12');
    await machine.snapshot('tuesday');
    machine.goOn();
    requireBack(machine, await machine.restore('debian12@monday'), 1, content);
    machine.goOn();
    assert.equal((await machine.restore('debian12@tuesday')).generation, 1);
    assert.equal(machine.contentOf('debian12'), newer);
  });

  clause('a snapshot comes back after a power cut', async (machine) => {
    const content = await saved(machine);
    machine.goOn();
    requireBack(machine, await machine.restoreAfterPowerCut('debian12@monday'), 1, content);
    const rest = machine.rest();
    machine.goOn();
    requireBack(machine, await machine.restore('debian12@monday'), 2, content);
    assert.equal(machine.rest(), rest);
  });

  clause('a switch and the way back find both OSes as they were left', async (machine) => {
    machine.goOn();
    const [here, there] = OS_NAMES.map((os) => machine.contentOf(os));
    assert.deepEqual(await machine.switchTo('debian13'), { os: 'debian13', from: 'debian12' });
    assert.deepEqual([machine.running, machine.contentOf('debian13')], ['debian13', there]);
    machine.goOn();
    assert.deepEqual(await machine.switchTo('debian12'), { os: 'debian12', from: 'debian13' });
    assert.deepEqual([machine.running, machine.contentOf('debian12')], ['debian12', here]);
  });

  clause('a snapshot of a moment before a switch comes back after it', async (machine) => {
    const content = await saved(machine);
    await machine.switchTo('debian13');
    machine.goOn();
    const there = machine.contentOf('debian13');
    await machine.switchTo('debian12');
    machine.goOn();
    requireBack(machine, await machine.restore('debian12@monday'), 1, content);
    await machine.switchTo('debian13');
    assert.equal(machine.contentOf('debian13'), there);
  });

  clause('one OS restores another', async (machine) => {
    const content = await saved(machine);
    await machine.switchTo('debian13');
    requireBack(machine, await machine.restore('debian12@monday'), 1, content);
  });

  clause('a parked OS goes on after a power cut', async (machine) => {
    const there = machine.contentOf('debian13');
    machine.cutPower();
    await machine.startParked('debian13');
    assert.deepEqual([machine.running, machine.contentOf('debian13')], ['debian13', there]);
  });

  clause('a parked OS whose disk was written to is not entered', async (machine) => {
    machine.writeToDiskOf('debian13');
    await refuse(machine, 'E_DISK_CHANGED', () => machine.switchTo('debian13'));
  });

  clause('hooks run before an OS is left and after it is back', async (machine) => {
    await machine.switchTo('debian13');
    assert.deepEqual(machine.hooks(), ['pre-park', 'post-resume']);
    await machine.switchTo('debian12');
    assert.deepEqual(machine.hooks(), ['pre-park', 'post-resume']);
    await machine.snapshot('monday');
    await machine.restore('debian12@monday');
    assert.deepEqual(machine.hooks(), ['pre-park', 'post-resume', 'post-restore']);
  });

  const refused: readonly Refusal[] = [
    ['a snapshot that is not there', 'E_NO_SNAPSHOT', (machine) => machine.restore('debian12@nothing')],
    ['a name that is taken', 'E_SNAPSHOT_EXISTS', (machine) => machine.snapshot('monday')],
    ['a switch to the OS that runs', 'E_OS_RUNNING', (machine) => machine.switchTo('debian12')],
    ['a switch to an OS that is not parked', notParked, (machine) => machine.switchTo('nobody')],
    [
      'a damaged snapshot',
      'E_BANK_DAMAGED',
      (machine) => {
        machine.damage('debian12@monday');
        return restore(machine);
      },
    ],
    ['a restore without the disk', 'E_DISK_MISSING', inTrouble('missing disk', restore)],
    ['a restore on another processor', 'E_OTHER_MACHINE', inTrouble('processor', restore)],
    ['a restore that the kernel does not freeze for', 'E_FREEZE_REFUSED', inTrouble('freeze', restore)],
    ['a snapshot that the kernel does not freeze for', 'E_FREEZE_REFUSED', inTrouble('freeze', saveAgain)],
    ['a snapshot of a disk that cannot be read', 'E_SYSCALL', inTrouble('unreadable disk', saveAgain)],
    [
      'a switch that the kernel does not freeze for',
      'E_FREEZE_REFUSED',
      inTrouble('freeze', (machine) => machine.switchTo('debian13')),
    ],
  ];
  for (const [what, code, command] of refused) {
    clause(`${what} is ${code} and changes nothing`, async (machine) => {
      await saved(machine);
      machine.goOn();
      await refuse(machine, code, () => command(machine));
    });
  }

  clause('a power cut while an OS is saved leaves a whole snapshot or none', async () => {
    const found = new Set<number>();
    for (let change = 1; ; change = Math.ceil(change * 1.7)) {
      const machine = await make();
      const content = machine.contentOf('debian12');
      if (!(await machine.snapshotCutAt('monday', change))) break;
      const references = await machine.references();
      found.add(references.length);
      if (references.length === 0) continue;
      assert.deepEqual(references, ['debian12@monday']);
      requireBack(machine, await machine.restoreAfterPowerCut('debian12@monday'), 1, content);
    }
    assert.ok(found.has(0));
  });

  clause('a power cut while disks are restored is made good', async () => {
    let cuts = 0;
    for (let write = 1; ; write += 1, cuts += 1) {
      const machine = await make();
      const content = await saved(machine);
      machine.goOn();
      if (!(await machine.restoreCutAt('debian12@monday', write))) break;
      const back = await machine.completeRestore('debian12@monday');
      assert.equal(back.os, 'debian12');
      assert.equal(machine.contentOf('debian12'), content);
      machine.goOn();
      await machine.restore('debian12@monday');
      assert.equal(machine.contentOf('debian12'), content, 'and nothing is in the way of another restore');
    }
    assert.ok(cuts > 0);
  });

  test(`${name}: every skip is of a clause`, () => {
    for (const what of Object.keys(skips)) assert.ok(clauses.has(what), what);
  });
}
