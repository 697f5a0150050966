import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { ErrorCodeName } from '../base/error-codes.ts';
import { failure } from '../base/errors.fixture.ts';
import { sampleBzImage } from '../kernel/bzimage.fixture.ts';
import { FAKE_PLAN, fakeMachine, park, setState } from '../switchboard/fake.ts';
import { loadSlot, planBoot } from './boot-os.ts';
import type { RegisteredOs } from './registry.ts';

const root = mkdtempSync(join(tmpdir(), 'torpor-boot-'));
after(() => rmSync(root, { recursive: true }));

function file(name: string, content: Uint8Array | string): string {
  const path = join(root, name);
  writeFileSync(path, content);
  return path;
}
const INITRD = Buffer.alloc(5000, 7);
const OS: RegisteredOs = {
  name: 'debian12',
  kernel: file('bzImage', sampleBzImage()),
  initrd: file('initrd', INITRD),
  args: 'root=/dev/vda',
  disks: [],
};

test('planBoot() chooses a slot and makes the command line, the own arguments last', () => {
  const { sys, switchboard, bytes } = fakeMachine();
  const before = bytes.slice();
  const plan = planBoot(sys, switchboard, OS, { extraArguments: 'single', back: true });
  assert.equal(plan.slot.index, 1);
  assert.equal(plan.returnTo, 0);
  assert.match(plan.kernelVersion, /^6\.12\.107-torpor /);
  assert.equal(
    plan.commandLine,
    'torpor.switchboard=0x1ff00000 torpor.slot=1 crashkernel=16M i8042.noaux nmi_watchdog=0 root=/dev/vda single',
  );
  assert.ok(Buffer.from(bytes).equals(before), 'nothing is written');
  assert.equal(planBoot(sys, switchboard, OS).returnTo, null);
});

for (const state of ['parked', 'crashed', 'running'] as const) {
  test(`planBoot() of an OS that is ${state} is E_OS_BOOTED`, () => {
    const made = fakeMachine();
    if (state !== 'running') park(made, 3, OS.name);
    if (state === 'crashed') setState(made.bytes, 3, 'crashed');
    const name = state === 'running' ? 'monitor' : OS.name;
    const { facts, hint } = failure('E_OS_BOOTED', () =>
      planBoot(made.sys, made.switchboard, { ...OS, name }),
    );
    assert.equal(facts.state, state);
    assert.match(hint!, state === 'crashed' ? /stop --force/ : /torpor switch/);
  });
}

test('planBoot() takes an OS that has stopped again', () => {
  const made = fakeMachine();
  park(made, 3, OS.name);
  setState(made.bytes, 3, 'empty');
  assert.equal(planBoot(made.sys, made.switchboard, OS).slot.index, 1);
});

const refused: [string, Partial<RegisteredOs>, ErrorCodeName][] = [
  ['a kernel that is not there', { kernel: join(root, 'missing') }, 'E_FILE'],
  ['a kernel that is a directory', { kernel: root }, 'E_FILE'],
  ['an initrd that is not there', { initrd: join(root, 'missing') }, 'E_FILE'],
  ['an empty kernel', { kernel: file('empty', '') }, 'E_NOT_BZIMAGE'],
  ['a text as a kernel', { kernel: file('text', 'hello\n'.repeat(1000)) }, 'E_NOT_BZIMAGE'],
  [
    'a 32-bit kernel',
    { kernel: file('32bit', sampleBzImage({ header: { extendedLoadFlags: 0 } })) },
    'E_KERNEL_32BIT',
  ],
  [
    'a kernel larger than its slot',
    { kernel: file('large', sampleBzImage({ initSizeBytes: 60 * 2 ** 20 })), slot: 1 },
    'E_KERNEL_TOO_LARGE',
  ],
  ['a long command line', { args: 'x'.repeat(5000) }, 'E_CMDLINE_TOO_LONG'],
  ['a slot that is too small', { memory: '1T' }, 'E_NO_SLOT'],
];
for (const [what, change, code] of refused) {
  test(`planBoot() with ${what} is ${code}`, () => {
    const { sys, switchboard } = fakeMachine();
    const { hint } = failure(code, () => planBoot(sys, switchboard, { ...OS, ...change }));
    assert.ok(hint);
  });
}

test('planBoot() refuses a kernel whose configuration beside it has no KEXEC_JUMP', () => {
  const { sys, switchboard } = fakeMachine();
  sys.files.set(join(root, 'config-6.12.107-torpor'), 'CONFIG_X86_64=y\n# CONFIG_KEXEC_JUMP is not set\n');
  failure('E_KERNEL_NO_JUMP', () => planBoot(sys, switchboard, OS));
});

test('loadSlot() writes the slot and its record, and last that it is loaded', () => {
  const planned = FAKE_PLAN.slots[0]!;
  const { sys, switchboard } = fakeMachine([planned.memory, planned.low]);
  const plan = planBoot(sys, switchboard, OS, { back: true });
  loadSlot(sys, switchboard, plan);
  const { bytes } = sys.mapPhysical(planned.memory);
  for (const write of plan.placed.writes) {
    const at = write.destination - planned.memory.start;
    assert.ok(Buffer.from(bytes.subarray(at, at + write.bytes.length)).equals(write.bytes));
  }
  const { state, entry, argument, name, kernelRelease, joined } = switchboard.record(1);
  assert.deepEqual(
    { state, entry, argument, name, kernelRelease, joined },
    {
      state: 'loaded',
      entry: plan.placed.entry,
      argument: plan.placed.bootParams,
      name: 'debian12',
      kernelRelease: '6.12.107-torpor',
      joined: false,
    },
  );
  assert.deepEqual(switchboard.readMailbox(1), [{ kind: 'return', to: 0 }]);
});

test('loadSlot() that cannot map the slot leaves it empty', () => {
  const { sys, switchboard } = fakeMachine();
  const plan = planBoot(sys, switchboard, OS);
  failure('E_DEVMEM_REFUSED', () => loadSlot(sys, switchboard, plan));
  assert.equal(switchboard.record(1).state, 'empty');
});

test('planBoot() of an OS whose restore was interrupted is E_RESTORE_UNFINISHED; others may start', () => {
  const { sys, switchboard } = fakeMachine();
  const unfinished = {
    ...{ id: 'ab'.repeat(16), digest: `sha256:${'0'.repeat(64)}`, slot: 1, startedMs: 5 },
    reference: `${OS.name}@monday`,
  };
  const { hint } = failure('E_RESTORE_UNFINISHED', () => planBoot(sys, switchboard, OS, { unfinished }));
  assert.match(hint!, /torpor restore debian12@monday/);
  const other = { ...unfinished, reference: 'debian13@x' };
  assert.equal(planBoot(sys, switchboard, OS, { unfinished: other }).slot.index, 1);
});
