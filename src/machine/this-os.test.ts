import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { failure } from '../base/errors.fixture.ts';
import { TorporError } from '../base/errors.ts';
import { FAKE_PLAN, fakeMachine, setState } from '../switchboard/fake.ts';
import { CONTROL, OFFSET, SWITCHBOARD_BYTES } from '../switchboard/layout.ts';
import { FakeSys } from '../sys/fake.ts';
import { bootId, findThisOs, openSwitchboard } from './this-os.ts';

const sysWith = (commandLine: string): FakeSys => new FakeSys({ files: { '/proc/cmdline': commandLine } });

const found: [string, number, number][] = [
  ['quiet torpor.switchboard=0x1ff00000\n', 0x1ff0_0000, 0],
  ['torpor.switchboard=0x1ff00000 torpor.slot=3', 0x1ff0_0000, 3],
  ['torpor.switchboard=535822336 torpor.slot=0xf root=/dev/vda', 0x1ff0_0000, 15],
  ['torpor.switchboard=0X1FF00000', 0x1ff0_0000, 0],
  ['torpor.slot=1 torpor.switchboard=0x100000 torpor.switchboard=0x1ff00000 torpor.slot=2', 0x1ff0_0000, 2],
];
for (const [commandLine, switchboardAddress, slot] of found) {
  test(`findThisOs() reads “${commandLine.trim()}”`, () => {
    assert.deepEqual(findThisOs(sysWith(commandLine)), { switchboardAddress, slot });
  });
}

for (const commandLine of [
  '',
  'quiet',
  'xtorpor.switchboard=0x1ff00000',
  'torpor.switchboard=',
  'torpor.switchboard=0x',
  'torpor.switchboard=0x1ff00000,1',
  'torpor.switchboard=0x1ff00001',
  'torpor.switchboard=0xffffffffffffffffffff',
  'torpor.switchboard=-1048576',
  'torpor.switchboard=0x1ff00000 torpor.slot=16',
  'torpor.switchboard=0x1ff00000 torpor.slot=one',
  'torpor.switchboard=0x1ff00000 torpor.slot=1.5',
]) {
  test(`findThisOs() refuses “${commandLine}”`, () => {
    assert.match(failure('E_NO_PLAN', () => findThisOs(sysWith(commandLine))).hint!, /torpor plan/);
  });
}

test('findThisOs() answers any command line with an aligned address and a slot, or E_NO_PLAN', () => {
  const word = fc.constantFrom(
    'torpor.switchboard=',
    'torpor.slot=',
    '0x',
    '1ff00000',
    '3',
    ' ',
    'e',
    '"',
    '.',
    '-',
    '\n',
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(word).map((words) => words.join('')),
  );
  fc.assert(
    fc.property(text, (commandLine) => {
      try {
        const { switchboardAddress, slot } = findThisOs(sysWith(commandLine));
        assert.equal(switchboardAddress % SWITCHBOARD_BYTES, 0);
        assert.ok(Number.isInteger(slot) && slot >= 0 && slot < 16);
      } catch (error) {
        assert.ok(error instanceof TorporError && error.code === 'E_NO_PLAN', String(error));
      }
    }),
    { numRuns: 300 },
  );
});

test('without a command line there is no plan', () => {
  failure('E_NO_PLAN', () => findThisOs(new FakeSys()));
});

test('openSwitchboard() opens the machine of this OS', () => {
  const { sys } = fakeMachine();
  assert.equal(openSwitchboard(sys).running().name, 'monitor');
});

test('openSwitchboard() needs root', () => {
  failure('E_NOT_ROOT', () =>
    openSwitchboard(new FakeSys({ uid: 1000, files: { '/proc/cmdline': 'torpor.switchboard=0x1ff00000' } })),
  );
});

test('openSwitchboard() passes on that the memory cannot be mapped', () => {
  failure('E_DEVMEM_REFUSED', () => openSwitchboard(sysWith('torpor.switchboard=0x1ff00000')));
});

test('openSwitchboard() refuses memory that home has not joined with', () => {
  const sys = new FakeSys({
    files: { '/proc/cmdline': `torpor.switchboard=0x${FAKE_PLAN.switchboard.start.toString(16)}` },
    memory: [FAKE_PLAN.switchboard],
  });
  assert.match(failure('E_SWITCHBOARD_MAGIC', () => openSwitchboard(sys)).hint!, /torpor join/);
});

test('openSwitchboard() refuses a switchboard from before a restart', () => {
  const { sys } = fakeMachine();
  sys.files.set('/proc/sys/kernel/random/boot_id', 'another\n');
  assert.equal(bootId(sys), 'another');
  failure('E_SWITCHBOARD_MAGIC', () => openSwitchboard(sys));
});

test('openSwitchboard() refuses a switchboard in which another slot runs', () => {
  const { sys } = fakeMachine();
  sys.files.set('/proc/cmdline', `${sys.readTextFile('/proc/cmdline')!.trim()} torpor.slot=2`);
  const { facts } = failure('E_SWITCHBOARD_VALUE', () => openSwitchboard(sys));
  assert.deepEqual(facts, { current: 0, slot: 2 });
});

test('openSwitchboard() takes an OS that came out of a bank into another slot than its command line names', () => {
  const { sys, switchboard, bytes } = fakeMachine();
  const boot = 'aaaaaaaa-1111-4222-8333-444455556666';
  sys.files.set('/proc/cmdline', 'torpor.switchboard=0x1ff00000 torpor.slot=1\n');
  sys.files.set('/proc/sys/kernel/random/boot_id', `${boot}\n`);
  setState(bytes, 0, 'parked', 0x1234_5000);
  setState(bytes, 2, 'running');
  CONTROL.encodeInto(bytes, { current: 2n, target: 2n }, OFFSET.control);
  failure('E_SWITCHBOARD_VALUE', () => openSwitchboard(sys));
  switchboard.describe(2, { bootId: boot, snapshot: { id: 'ab'.repeat(16), generation: 1 } });
  assert.equal(openSwitchboard(sys).running().index, 2);
  switchboard.describe(2, { bootId: 'another' });
  failure('E_SWITCHBOARD_VALUE', () => openSwitchboard(sys));
});
