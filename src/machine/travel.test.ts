import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asyncFailure } from '../base/errors.fixture.ts';
import { TorporError } from '../base/errors.ts';
import { type FakeMachine, fakeMachine, leaveAndReturn, park, setState } from '../switchboard/fake.ts';
import { CONTROL, MAILBOX_BYTES, OFFSET } from '../switchboard/layout.ts';
import { type HomeRequest, leaveMessage, newRequestId, type Restored } from './messages.ts';
import { switchTo } from './travel.ts';

function machine() {
  const made = fakeMachine();
  park(made, 1, 'debian12');
  return made;
}

test('switchTo() reports the switch back, and notes both times', async () => {
  const made = machine();
  const { sys, switchboard } = made;
  sys.onReboot = () => leaveAndReturn(made, 1);
  const startMs = sys.realtimeMs();
  const { report, awayMs } = await switchTo(sys, switchboard, 1);
  assert.equal(awayMs, sys.realtimeMs() - startMs);
  const { from, to, mode, sequence } = report;
  assert.deepEqual(
    { from, to, mode, sequence },
    { from: 'debian12', to: 'monitor', mode: 'park', sequence: 2 },
  );
  assert.deepEqual(switchboard.readLastSwitch(), JSON.parse(JSON.stringify(report)));
  for (const slot of [0, 1]) assert.ok(switchboard.record(slot).sinceMs >= startMs);
});

test('switchTo() changes nothing when the kernel refuses', async () => {
  const made = machine();
  const { sys, switchboard, bytes } = made;
  const before = bytes.slice();
  sys.onReboot = () => {
    throw new TorporError('E_SYSCALL', 'reboot failed: EBUSY', { facts: { errno: 'EBUSY' } });
  };
  await asyncFailure('E_FREEZE_REFUSED', switchTo(sys, switchboard, 1));
  assert.equal(sys.held, 0);
  assert.ok(Buffer.from(bytes).equals(before));
});

test('switchTo() takes a “return” message out and goes on', async () => {
  const made = machine();
  const { sys, switchboard } = made;
  sys.onReboot = () => {
    leaveAndReturn(made, 1);
    leaveMessage(switchboard, 0, { kind: 'return', to: 1 });
  };
  assert.equal((await switchTo(sys, switchboard, 1)).report.to, 'monitor');
  assert.equal(switchboard.readMailbox(0), null);
});

test('a damaged message is an error and is taken out', async () => {
  const made = machine();
  const { sys, switchboard, bytes } = made;
  sys.onReboot = () => {
    leaveAndReturn(made, 1);
    bytes.fill(0xff, OFFSET.mailboxes, OFFSET.mailboxes + MAILBOX_BYTES);
  };
  await asyncFailure('E_MAILBOX', switchTo(sys, switchboard, 1));
  assert.equal(switchboard.readMailbox(0), null);
  assert.equal(switchboard.running().index, 0);
});

test('a guest that is asked to stop stops when it runs again', async () => {
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
      leaveMessage(switchboard, 1, { kind: 'stop', to: 0 });
    } else {
      assert.equal(switchboard.control().target, 0);
      assert.deepEqual(sys.stopped, ['services', 'programs', 'filesystems']);
      assert.ok(sys.images.has('leave'));
      throw new Error('gone');
    }
  };
  await assert.rejects(switchTo(sys, switchboard, 0), /^Error: gone$/);
  assert.equal(calls, 2);
  assert.equal(switchboard.readMailbox(1), null);
});

const REQUEST: HomeRequest = {
  kind: 'snapshot',
  request: newRequestId(),
  from: 1,
  os: 'debian12',
  tag: null,
  note: '',
  dryRun: false,
  asIs: false,
};

test('home carries out a request, goes where that leads, and returns when nothing is left', async () => {
  const made = machine();
  const { sys, switchboard } = made;
  const jumps: number[] = [];
  sys.onReboot = () => {
    jumps.push(switchboard.control().target);
    leaveAndReturn(made, switchboard.control().target);
    if (jumps.length <= 2) leaveMessage(switchboard, 0, { ...REQUEST, from: jumps.length });
  };
  park(made, 2, 'debian13');
  const seen: HomeRequest[] = [];
  const { report } = await switchTo(sys, switchboard, 1, {
    carryOut: async (request) => {
      seen.push(request);
      assert.equal(switchboard.running().index, 0);
      assert.equal(sys.held, 1, 'a closing terminal does not end this');
      return request.from;
    },
  });
  assert.deepEqual(jumps, [1, 1, 2]);
  assert.deepEqual(
    seen.map(({ from }) => from),
    [1, 2],
  );
  assert.equal(report.from, 'debian13');
  assert.equal(sys.held, 0);
});

test('a request that leads nowhere leaves home running', async () => {
  const made = machine();
  made.sys.onReboot = () => {
    leaveAndReturn(made, 1);
    leaveMessage(made.switchboard, 0, REQUEST);
  };
  const { report } = await switchTo(made.sys, made.switchboard, 1, { carryOut: async () => null });
  assert.equal(report.from, 'debian12');
});

const RESTORED: Restored = {
  kind: 'restored',
  id: '00112233445566778899aabbccddeeff',
  reference: 'debian12@monday',
  generation: 2,
  seed: Buffer.alloc(64, 5).toString('base64'),
};

/** This program runs in slot 1 and has gone home; there its OS is put back from a bank. */
function restoredGuest(slot = 1): FakeMachine {
  const made = machine();
  const { sys, switchboard, bytes } = made;
  sys.files.set('/proc/iomem', '20100000-21efffff : System RAM\n  21000000-21ffffff : Crash kernel\n');
  setState(bytes, 0, 'parked', 0x1234_5000);
  setState(bytes, 1, 'running');
  CONTROL.encodeInto(bytes, { current: 1n, target: 1n }, OFFSET.control);
  sys.onReboot = () => {
    leaveAndReturn(made, 0);
    if (slot !== 1) {
      switchboard.describe(slot, { name: 'debian12', bootId: 'boot-of-debian12' });
      setState(bytes, slot, 'running');
      switchboard.setEmpty(1, 5);
    }
    // After a power cut home counts from the beginning: the sequence can be what it was.
    CONTROL.encodeInto(bytes, { current: BigInt(slot), target: BigInt(slot), sequence: 0n }, OFFSET.control);
    leaveMessage(switchboard, slot, RESTORED);
    sys.wallClockMs += 90_500;
  };
  return made;
}

test('an OS out of a bank renews its random pool and runs its hooks with the facts', async () => {
  const { sys, switchboard } = restoredGuest();
  for (const kind of ['pre-park', 'post-resume', 'post-restore'])
    sys.files.set(`/etc/torpor/${kind}.d/hook`, '');
  const { restored, awayMs, warnings } = await switchTo(sys, switchboard, 0);
  assert.deepEqual(restored, RESTORED);
  assert.ok(awayMs >= 0);
  assert.deepEqual(warnings, []);
  assert.deepEqual(sys.seeds, [Buffer.alloc(64, 5)]);
  const facts = {
    TORPOR_OS: 'debian12',
    TORPOR_FROM: 'monitor',
    TORPOR_AWAY_SECONDS: String(Math.round(awayMs / 1000)),
  };
  assert.deepEqual(sys.programs, [
    { path: '/etc/torpor/pre-park.d/hook', environment: { TORPOR_OS: 'debian12', TORPOR_TO: 'monitor' } },
    { path: '/etc/torpor/post-resume.d/hook', environment: facts },
    {
      path: '/etc/torpor/post-restore.d/hook',
      environment: { ...facts, TORPOR_SNAPSHOT: 'debian12@monday', TORPOR_GENERATION: '2' },
    },
  ]);
  assert.equal(switchboard.record(1).crashArmed, true);
  assert.equal(sys.images.get('crash')!.entry, 0x2100_0000);
});

test('an OS that comes out of a bank into another slot arms its crash image for that one', async () => {
  const { sys, switchboard } = restoredGuest(2);
  await switchTo(sys, switchboard, 0);
  assert.equal(switchboard.running().index, 2);
  assert.equal(switchboard.record(2).crashArmed, true);
  assert.equal(sys.images.get('crash')!.entry, 0x2100_0000);
});
