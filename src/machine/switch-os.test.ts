import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCodeName } from '../base/error-codes.ts';
import { asTorporError, failure } from '../base/errors.fixture.ts';
import { TorporError } from '../base/errors.ts';
import { physAddr } from '../base/units.ts';
import { fakeMachine, leaveAndReturn, park, setState } from '../switchboard/fake.ts';
import { CONTROL, MAILBOX_BYTES, OFFSET } from '../switchboard/layout.ts';
import { planSwitch, switchTo } from './switch-os.ts';

function machine() {
  const made = fakeMachine();
  park(made, 1, 'debian12');
  return made;
}

test('planSwitch() takes a parked and a loaded OS', () => {
  const { switchboard } = machine();
  assert.equal(planSwitch(switchboard, 'debian12').index, 1);
  const { memory } = switchboard.record(1);
  switchboard.setLoaded(1, physAddr(memory.start + 0x200), memory.start);
  assert.equal(planSwitch(switchboard, 'debian12').state, 'loaded');
});

const refused: [string, 'crashed' | 'empty' | 'parked', ErrorCodeName][] = [
  ['debian12', 'crashed', 'E_OS_CRASHED'],
  ['debian12', 'empty', 'E_OS_EMPTY'],
  ['monitor', 'parked', 'E_OS_RUNNING'],
  ['nobody', 'parked', 'E_OS_UNKNOWN'],
];
for (const [name, state, code] of refused) {
  test(`planSwitch() to “${name}” with debian12 ${state} is ${code}`, () => {
    const { switchboard, bytes } = machine();
    if (state !== 'parked') setState(bytes, 1, state);
    const { facts, hint } = failure(code, () => planSwitch(switchboard, name));
    assert.equal(facts.name, name);
    assert.match(hint!, /`torpor /);
  });
}

test('switchTo() reports the switch back, and notes both times', () => {
  const made = machine();
  const { sys, switchboard } = made;
  sys.onReboot = () => leaveAndReturn(made, 1);
  const startMs = sys.realtimeMs();
  const report = switchTo(sys, switchboard, 1);
  const { from, to, mode, sequence } = report;
  assert.deepEqual(
    { from, to, mode, sequence },
    { from: 'debian12', to: 'monitor', mode: 'park', sequence: 2 },
  );
  assert.deepEqual(switchboard.readLastSwitch(), JSON.parse(JSON.stringify(report)));
  for (const slot of [0, 1]) assert.ok(switchboard.record(slot).sinceMs >= startMs);
});

test('switchTo() changes nothing when the kernel refuses', () => {
  const made = machine();
  const { sys, switchboard, bytes } = made;
  const before = bytes.slice();
  sys.onReboot = () => {
    throw new TorporError('E_SYSCALL', 'reboot failed: EBUSY', { facts: { errno: 'EBUSY' } });
  };
  failure('E_FREEZE_REFUSED', () => switchTo(sys, switchboard, 1));
  assert.ok(Buffer.from(bytes).equals(before));
});

test('switchTo() takes a “return” message out and goes on', () => {
  const made = machine();
  const { sys, switchboard } = made;
  sys.onReboot = () => {
    leaveAndReturn(made, 1);
    switchboard.writeMailbox(0, { kind: 'return', to: 1 });
  };
  assert.equal(switchTo(sys, switchboard, 1).to, 'monitor');
  assert.equal(switchboard.readMailbox(0), null);
});

test('a damaged message is an error and is taken out', () => {
  const made = machine();
  const { sys, switchboard, bytes } = made;
  sys.onReboot = () => {
    leaveAndReturn(made, 1);
    bytes.fill(0xff, OFFSET.mailboxes, OFFSET.mailboxes + MAILBOX_BYTES);
  };
  failure('E_MAILBOX', () => switchTo(sys, switchboard, 1));
  assert.equal(switchboard.readMailbox(0), null);
  assert.equal(switchboard.running().index, 0);
});

test('a guest that is asked to stop stops when it runs again', () => {
  const made = machine();
  const { sys, switchboard, bytes } = made;
  // This program runs in slot 1, home is parked.
  setState(bytes, 0, 'parked', 0x1234_5000);
  setState(bytes, 1, 'running');
  bytes[OFFSET.control] = 1;
  let calls = 0;
  sys.onReboot = () => {
    calls += 1;
    if (calls === 1) {
      leaveAndReturn(made, 0);
      switchboard.writeMailbox(1, { kind: 'stop', to: 0 });
    } else {
      assert.equal(switchboard.control().target, 0);
      assert.deepEqual(sys.stopped, ['services', 'programs', 'filesystems']);
      assert.ok(sys.images.has('leave'));
      throw new Error('gone');
    }
  };
  assert.throws(() => switchTo(sys, switchboard, 0), /^Error: gone$/);
  assert.equal(calls, 2);
  assert.equal(switchboard.readMailbox(1), null);
});
