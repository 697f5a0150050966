import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCodeName } from '../base/error-codes.ts';
import { asyncFailure, failure } from '../base/errors.fixture.ts';
import { TorporError } from '../base/errors.ts';
import { physAddr } from '../base/units.ts';
import {
  type FakeMachine,
  fakeMachine,
  leaveAndReturn,
  modelTrampoline,
  park,
  setState,
} from '../switchboard/fake.ts';
import { CONTROL, OFFSET } from '../switchboard/layout.ts';
import { planStop, stopOs } from './stop-os.ts';

const TSC = { enter: 10n, exit: 20n };

/** Home runs, debian12 is parked in slot 1. */
function machine(): FakeMachine {
  const made = fakeMachine();
  park(made, 1, 'debian12');
  return made;
}

/** As if debian12 ran and home were parked. */
function inGuest(): FakeMachine {
  const made = machine();
  setState(made.bytes, 0, 'parked', 0x1234_5000);
  setState(made.bytes, 1, 'running');
  CONTROL.encodeInto(made.bytes, { current: 1n, target: 1n }, OFFSET.control);
  return made;
}

const refused: [string, () => FakeMachine, string, boolean, ErrorCodeName][] = [
  ['home', machine, 'monitor', false, 'E_OS_STATE'],
  ['home by force', machine, 'monitor', true, 'E_OS_STATE'],
  ['the running OS by force', inGuest, 'debian12', true, 'E_OS_RUNNING'],
  ['an unknown OS', machine, 'x', false, 'E_OS_UNKNOWN'],
  ['a crashed OS in order', () => with1('crashed'), 'debian12', false, 'E_OS_CRASHED'],
  ['an OS that has stopped', () => with1('empty'), 'debian12', false, 'E_OS_EMPTY'],
];
for (const [what, make, name, force, code] of refused) {
  test(`planStop() of ${what} is ${code}`, () => {
    const { switchboard } = make();
    assert.match(failure(code, () => planStop(switchboard, name, force)).hint!, /stop|torpor/);
  });
}

function with1(state: 'crashed' | 'empty'): FakeMachine {
  const made = machine();
  setState(made.bytes, 1, state);
  return made;
}

test('--force forgets a parked and a crashed OS without going there', async () => {
  for (const made of [machine(), with1('crashed')]) {
    made.sys.onReboot = () => assert.fail('no jump');
    await stopOs(made.sys, made.switchboard, planStop(made.switchboard, 'debian12', true));
    const { state, name } = made.switchboard.record(1);
    assert.deepEqual({ state, name }, { state: 'empty', name: '' });
  }
});

test('a loaded OS is forgotten without being started', async () => {
  const { sys, switchboard } = machine();
  const { memory } = switchboard.record(1);
  switchboard.setLoaded(1, physAddr(memory.start + 0x200), memory.start);
  sys.onReboot = () => assert.fail('no jump');
  await stopOs(sys, switchboard, planStop(switchboard, 'debian12', false));
  assert.equal(switchboard.record(1).state, 'empty');
});

test('a parked OS is asked to stop, does so and comes back', async () => {
  const { sys, switchboard, bytes } = machine();
  sys.onReboot = () => {
    modelTrampoline(bytes, { slot: 0, mode: 'park', reentry: physAddr(0x1000) }, TSC);
    assert.deepEqual(switchboard.readMailbox(1), [{ kind: 'stop', to: 0 }]);
    switchboard.writeMailbox(1, null);
    switchboard.setTarget(0, 1n, 0);
    modelTrampoline(bytes, { slot: 1, mode: 'leave', reentry: physAddr(0) }, TSC);
  };
  await stopOs(sys, switchboard, planStop(switchboard, 'debian12', false));
  const { state, name } = switchboard.record(1);
  assert.deepEqual({ state, name }, { state: 'empty', name: '' });
  assert.equal(switchboard.running().index, 0);
});

test('an OS that comes back without having stopped is E_STOP_REFUSED and finds no old message later', async () => {
  const made = machine();
  made.sys.onReboot = () => leaveAndReturn(made, 1);
  const { facts } = await asyncFailure(
    'E_STOP_REFUSED',
    stopOs(made.sys, made.switchboard, planStop(made.switchboard, 'debian12', false)),
  );
  assert.equal(facts.state, 'parked');
  assert.equal(made.switchboard.readMailbox(1), null);
});

test('when this OS cannot leave, the other one finds no message later', async () => {
  const { sys, switchboard } = machine();
  sys.onReboot = () => {
    throw new TorporError('E_SYSCALL', 'reboot failed: EBUSY', { facts: { errno: 'EBUSY' } });
  };
  await asyncFailure('E_FREEZE_REFUSED', stopOs(sys, switchboard, planStop(switchboard, 'debian12', false)));
  assert.equal(switchboard.readMailbox(1), null);
  assert.equal(switchboard.record(1).state, 'parked');
});

test('the running OS stops itself into home', async () => {
  const { sys, switchboard } = inGuest();
  sys.onReboot = () => {
    assert.equal(switchboard.control().target, 0);
    assert.deepEqual([...sys.images.keys()], ['leave']);
    assert.ok(sys.syncs > 0);
    throw new Error('gone');
  };
  await assert.rejects(stopOs(sys, switchboard, planStop(switchboard, 'debian12', false)), /^Error: gone$/);
  assert.deepEqual(sys.stopped, ['services', 'programs', 'filesystems']);
});

test('a kernel that does not leave is E_STOP_REFUSED', async () => {
  const { sys, switchboard } = inGuest();
  await asyncFailure('E_STOP_REFUSED', stopOs(sys, switchboard, planStop(switchboard, 'debian12', false)));
});

test('an OS whose leave image is refused has stopped nothing', async () => {
  const { sys, switchboard } = inGuest();
  sys.kexecErrno = 'EPERM';
  await asyncFailure('E_KEXEC_FORBIDDEN', stopOs(sys, switchboard, planStop(switchboard, 'debian12', false)));
  assert.deepEqual(sys.stopped, []);
});
