import assert from 'node:assert/strict';
import { statSync, truncateSync } from 'node:fs';
import type { MachineSpec } from '../../../lab/machine/machine-spec.ts';
import { homeOf } from '../../../lab/machine/machine-spec.ts';
import { TORPOR } from '../../../lab/machine/shut-down.ts';
import type { ErrorCodeName } from '../../../src/base/error-codes.ts';
import { MIB } from '../../../src/base/units.ts';
import { compareCopies, copyOs, diskOf } from '../bank/os-image.ts';
import { whoseEndsAreInside } from '../bank/programs.ts';
import type { Lab } from '../fixture.ts';
import { labTest, type Suite } from '../lab-test.ts';
import { verifyOses, watchOs } from '../witnesses.ts';

const TAG = 'fenced';

export const bankFences: Suite = {
  name: 'fences of the bank',
  define(lab) {
    /** Puts what the first guest's witness knows back to the moment of the snapshot. */
    let rewind = (): void => {};
    const keep = (back: () => void): void => {
      rewind = back;
    };
    labTest(lab, 'what cannot be saved or restored is refused', () => refusals(lab, keep), 15);
    labTest(lab, 'another OS in the slot is not overwritten', () => otherOs(lab), 10);
    labTest(lab, 'a machine that is not the one of the snapshot is refused', () => otherMachine(lab), 20);
    labTest(lab, 'all is well again on the machine as it was', () => asBefore(lab, () => rewind()), 10);
  },
};

async function refusals(lab: Lab, keep: (rewind: () => void) => void): Promise<void> {
  const [os, other] = lab.guests;
  const witness = await watchOs(lab, os!);
  await watchOs(lab, other!);
  await lab.go(lab.home);
  await lab.torpor(['bank', 'rm', `${os}@${TAG}`]);
  const before = await lab.status();
  await lab.refusal(['restore', `${os}@never`], 'E_NO_SNAPSHOT');
  await lab.refusal(['switch', `${os}@never`], 'E_NO_SNAPSHOT');
  await lab.refusal(['snapshot', 'nowhere'], 'E_OS_UNKNOWN');
  await lab.refusal(['snapshot', lab.home], 'E_OS_STATE');
  await lab.refusal(['snapshot'], 'E_OS_STATE');
  await lab.refusal(['snapshot', os!, '--bank', '/var/lib/torpor/none'], 'E_NO_BANK');
  assert.deepEqual(await lab.status(), before);
  await lab.machine.snapshot(os!, { tag: TAG });
  const memory = whoseEndsAreInside(witness.remember());
  keep(() => witness.rewind(memory));
  await lab.refusal(['snapshot', os!, '--tag', TAG], 'E_SNAPSHOT_EXISTS');
  await lab.go(other!);
  await lab.refusal(['restore', `${other}@never`], 'E_NO_SNAPSHOT');
  await lab.refusal(['snapshot', '--tag', TAG, '--bank', '/tmp'], 'E_USAGE');
  await lab.go(lab.home);
  const dry = await lab.torpor(['restore', `${os}@${TAG}`, '--dry-run', '--json']);
  assert.equal(dry.exit, 0, dry.stderr);
  assert.deepEqual(JSON.parse(dry.stdout).obstacles, []);
  await verifyOses(lab, [os!, other!]);
}

/** An OS of another name is booted into the slot. */
async function otherOs(lab: Lab): Promise<void> {
  const [os] = lab.guests;
  await lab.go(lab.home);
  const { kernel, initrd, args } = JSON.parse((await lab.torpor(['os', 'show', os!, '--json'])).stdout);
  assert.equal((await lab.torpor(['stop', os!])).exit, 0);
  const add = ['os', 'add', 'other', '--kernel', kernel, '--initrd', initrd, '--slot', '1', '--append', args];
  assert.equal((await lab.torpor(add)).exit, 0);
  try {
    await lab.machine.run([TORPOR, 'boot', 'other', '--back'], { timeoutMs: 300_000 });
    const error = await refusedUntouched(lab, ['restore', `${os}@${TAG}`], 'E_NO_SLOT');
    assert.match(error.message, /other/);
  } finally {
    await lab.torpor(['stop', 'other']);
    await lab.torpor(['os', 'rm', 'other']);
  }
  await lab.machine.restore(`${os}@${TAG}`, { check: true });
  await lab.go(lab.home);
}

/** A refusal that leaves the slot and the disk of the first guest as they are. */
async function refusedUntouched(lab: Lab, args: readonly string[], code: ErrorCodeName) {
  const [os] = lab.guests;
  const before = await copyOs(lab.machine, os!, 'before');
  try {
    const error = await lab.refusal(args, code);
    assert.equal(error.code, code);
    assert.notEqual(error.hint, undefined);
    const now = await copyOs(lab.machine, os!, 'now');
    const differences = compareCopies(before, now);
    now.remove();
    const pages = Object.values(differences).map((part) => part.pages);
    assert.deepEqual(pages, [0, 0, 0], JSON.stringify(differences));
    return error;
  } finally {
    before.remove();
  }
}

interface Change {
  readonly what: string;
  readonly code: ErrorCodeName;
  readonly pattern: RegExp;
  /** Of a machine that is off; returns how it is undone. */
  apply(spec: MachineSpec): () => void;
}

/** Changes a home kernel argument; the same as an edit of the boot loader's configuration. */
function withArguments(spec: MachineSpec, change: (args: string[]) => string[]): () => void {
  const home = homeOf(spec);
  const before = home.kernelArguments;
  home.kernelArguments = change([...before]);
  return () => {
    home.kernelArguments = before;
  };
}

const CHANGES: readonly Change[] = [
  {
    what: 'less memory in the slot',
    code: 'E_NO_SLOT',
    pattern: /slot 1/,
    apply: (spec) =>
      withArguments(spec, (args) =>
        args.map((arg) => arg.replace(/(torpor\.slots=0x[0-9a-f]+)\+256M/, '$1+128M')),
      ),
  },
  {
    what: 'more memory in the machine',
    code: 'E_OTHER_MACHINE',
    pattern: /firmware/,
    apply: (spec) => {
      spec.memoryBytes += 128 * MIB;
      return () => {
        spec.memoryBytes -= 128 * MIB;
      };
    },
  },
  {
    what: 'another number of processors',
    code: 'E_OTHER_MACHINE',
    pattern: /processors/,
    apply: (spec) => {
      const { cpus } = spec;
      spec.cpus = cpus + 1;
      return () => {
        spec.cpus = cpus;
      };
    },
  },
  {
    what: 'another paging mode',
    code: 'E_PAGING_MODE',
    pattern: /levels/,
    apply: (spec) => withArguments(spec, (args) => [...args, 'no5lvl']),
  },
  {
    what: 'a disk of another size',
    code: 'E_DISK_CHANGED',
    pattern: /bytes/,
    apply: (spec) => {
      const { path } = spec.disks[1]!;
      const { size } = statSync(path);
      truncateSync(path, size + MIB);
      return () => truncateSync(path, size);
    },
  },
  {
    // Without any in its place the firmware's tables, and so its map of the memory, would be others too.
    what: 'another disk in the place of its own',
    code: 'E_DISK_MISSING',
    pattern: /disk/,
    apply: (spec) => {
      const [disk] = spec.disks.splice(1, 1, { ...spec.disks[1]!, serial: 'another' });
      return () => void spec.disks.splice(1, 1, disk!);
    },
  },
];

async function otherMachine(lab: Lab): Promise<void> {
  const [os] = lab.guests;
  assert.equal(lab.machine.spec.disks[1]!.path, diskOf(lab.machine, os!));
  for (const { what, code, pattern, apply } of CHANGES) {
    await lab.machine.powerCut();
    const undo = apply(lab.machine.spec);
    try {
      await lab.machine.powerOn();
      const error = await lab.refusal(['restore', `${os}@${TAG}`], code);
      assert.match(error.message, pattern, what);
      const dry = await lab.torpor(['restore', `${os}@${TAG}`, '--dry-run']);
      assert.notEqual(dry.exit, 0, what);
      assert.match(dry.stdout, pattern, what);
      assert.equal((await lab.status()).unfinishedRestore, null, what);
    } finally {
      if (lab.machine.isRunning) await lab.machine.powerCut();
      undo();
    }
    await lab.machine.powerOn();
  }
}

async function asBefore(lab: Lab, rewind: () => void): Promise<void> {
  const [os] = lab.guests;
  await lab.machine.enter(`${os}@${TAG}`, { check: true });
  rewind();
  await verifyOses(lab, [os!]);
  await lab.settle();
}
