import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../base/errors.fixture.ts';
import { TorporError } from '../base/errors.ts';
import { type FakeMachine, fakeMachine, leaveAndReturn, setState } from '../switchboard/fake.ts';
import { CONTROL, OFFSET } from '../switchboard/layout.ts';
import { leaveMessage, newRequestId, takeMessages } from './messages.ts';
import { pass } from './pass.ts';
import { quiesce } from './quiesce.ts';

const GROUPS = '/sys/fs/cgroup';
const REQUEST = newRequestId();

/** This program runs in slot 1, on a disk that is mounted twice; home is parked. */
function guest(): FakeMachine {
  const made = fakeMachine();
  const { sys, bytes } = made;
  setState(bytes, 0, 'parked', 0x1234_5000);
  setState(bytes, 1, 'running');
  CONTROL.encodeInto(bytes, { current: 1n, target: 1n }, OFFSET.control);
  sys.files.set('/sys/class/block/vda/dev', '254:0\n');
  sys.files.set('/sys/class/block/vdb/dev', '254:16\n');
  sys.files.set(
    '/proc/self/mountinfo',
    [
      `30 22 0:26 / ${GROUPS} rw shared:4 - cgroup2 cgroup2 rw`,
      '22 1 254:0 / / rw shared:1 - ext4 /dev/vda rw',
      '23 22 254:16 / /srv rw shared:2 - ext4 /dev/vdb rw',
      '24 22 254:16 / /mnt ro shared:3 - ext4 /dev/vdb rw',
    ].join('\n'),
  );
  return made;
}

/** Home enters slot 1 with one more message each time. */
function homeSays(made: FakeMachine, ...actions: ((count: number) => void)[]): void {
  let count = 0;
  made.sys.onReboot = () => {
    leaveAndReturn(made, 0);
    actions[count]?.(count);
    count += 1;
  };
}

test('an OS that home asks to come to rest freezes its filesystems, goes back, and thaws them when it goes on', () => {
  const made = guest();
  const { sys, switchboard } = made;
  homeSays(
    made,
    () => leaveMessage(switchboard, 1, { kind: 'quiesce', request: REQUEST, to: 0 }),
    () => {
      assert.deepEqual(
        sys.freezeLog.filter((line) => /^(freeze|thaw)/.test(line)),
        ['freeze /srv', 'freeze /'],
      );
      assert.deepEqual(takeMessages(switchboard, 0), [
        { kind: 'answer', request: REQUEST, ok: {}, error: null },
      ]);
      leaveMessage(switchboard, 1, { kind: 'stop', to: 0 });
    },
  );
  const { messages, report } = pass(sys, switchboard, 0);
  assert.deepEqual(messages, [{ kind: 'stop', to: 0 }]);
  assert.equal(report.from, 'monitor');
  assert.deepEqual(sys.freezeLog.slice(-4), [
    'thaw /',
    'thaw /srv',
    `rmdir ${GROUPS}/torpor-held`,
    `rmdir ${GROUPS}/torpor-switch`,
  ]);
});

test('an OS that cannot come to rest says so, and goes back all the same', () => {
  const made = guest();
  const { sys, switchboard } = made;
  sys.freezeErrno.set('freeze /', 'EBUSY');
  homeSays(
    made,
    () => leaveMessage(switchboard, 1, { kind: 'quiesce', request: REQUEST, to: 0 }),
    () => {
      const [answer] = takeMessages(switchboard, 0);
      assert.ok(answer?.kind === 'answer' && answer.error?.facts.errno === 'EBUSY');
      assert.deepEqual(sys.freezeLog.slice(-3, -2), ['thaw /srv']);
      assert.equal(sys.freezeLog.at(-1), `rmdir ${GROUPS}/torpor-switch`);
    },
  );
  assert.deepEqual(pass(sys, switchboard, 0).messages, []);
});

test('an OS out of a bank has new random numbers before its programs go on', () => {
  const made = guest();
  const { sys, switchboard } = made;
  const thaw = sys.thawFilesystem.bind(sys);
  const seedsAtThaw: number[] = [];
  sys.thawFilesystem = (place) => {
    seedsAtThaw.push(sys.seeds.length);
    thaw(place);
  };
  homeSays(made, () =>
    leaveMessage(switchboard, 1, {
      kind: 'restored',
      id: 'ab'.repeat(16),
      reference: 'debian12@a',
      generation: 1,
      seed: Buffer.alloc(64, 5).toString('base64'),
    }),
  );
  const { restored } = pass(sys, switchboard, 0, () => quiesce(sys));
  assert.equal(restored?.generation, 1);
  assert.deepEqual(seedsAtThaw, [1, 1]);
});

test('when the kernel refuses to leave, everything goes on', () => {
  const made = guest();
  const { sys, switchboard } = made;
  sys.onReboot = () => {
    throw new TorporError('E_SYSCALL', 'reboot failed: EBUSY', { facts: { errno: 'EBUSY' } });
  };
  failure('E_FREEZE_REFUSED', () => pass(sys, switchboard, 0, () => quiesce(sys)));
  assert.deepEqual(
    sys.freezeLog.filter((line) => /^(freeze|thaw)/.test(line)),
    ['freeze /srv', 'freeze /', 'thaw /', 'thaw /srv'],
  );
});
