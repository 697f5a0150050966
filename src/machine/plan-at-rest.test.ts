import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../base/errors.fixture.ts';
import { TorporError } from '../base/errors.ts';
import { SUPERBLOCK } from '../filesystem/ext4/superblock.ts';
import { leaveAndReturn } from '../switchboard/fake.ts';
import { type BankMachine, bankMachine } from './bank-machine.fixture.ts';
import { leaveMessage, type QuiesceRequest, takeMessages } from './messages.ts';
import { planAtRest } from './plan-at-rest.ts';
import { planSnapshot, snapshotOs } from './snapshot-os.ts';

const WISH = { os: 'debian12', tag: 'a', note: '' };
const NEEDS_RECOVERY = 0x4;

/** An ext4 of 1 MiB, mounted or at rest. */
function setMounted({ disk }: BankMachine, isMounted: boolean): void {
  SUPERBLOCK.encodeInto(
    disk.bytes,
    {
      blocksLow: 1024,
      firstDataBlock: 1,
      blocksPerGroup: 8192,
      inodesPerGroup: 128,
      magic: 0xef53,
      state: 1,
      inodeSize: 256,
      revision: 1,
      incompat: isMounted ? NEEDS_RECOVERY : 0,
    },
    1024,
  );
}

function mountedMachine(whenEntered: (made: BankMachine, request: QuiesceRequest) => void): BankMachine {
  const made = bankMachine();
  setMounted(made, true);
  made.sys.onReboot = () => {
    const [request, ...others] = takeMessages(made.switchboard, 1);
    assert.ok(request?.kind === 'quiesce' && request.to === 0);
    assert.deepEqual(others, []);
    whenEntered(made, request);
    leaveAndReturn(made, 1);
  };
  return made;
}

const planOf = ({ sys, switchboard, registry, bank }: BankMachine) =>
  planAtRest(sys, switchboard, registry, bank, WISH);

test('an OS whose filesystem is in use is entered and comes to rest before it is saved', () => {
  const made = mountedMachine((machine, { request }) => {
    setMounted(machine, false);
    leaveMessage(machine.switchboard, 0, { kind: 'answer', request, ok: {}, error: null });
  });
  const { sys, switchboard, registry } = made;
  const asItIs = planSnapshot(sys, switchboard, registry, WISH);
  assert.deepEqual(asItIs.inUse, ['d12']);
  assert.ok(asItIs.doubts().some((doubt) => /d12 is in use/.test(doubt)));
  asItIs.close();
  const plan = planOf(made);
  plan.close();
  assert.deepEqual(plan.inUse, []);
  assert.ok(!plan.doubts().some((doubt) => /in use/.test(doubt)));
  assert.equal(switchboard.readMailbox(0), null);
  assert.equal(sys.held, 0);
  assert.equal(made.disk.open, 0);
});

test('one that cannot come to rest is saved with all of its disk, and why is said', () => {
  const error = { code: 'E_FREEZE_REFUSED', message: 'no control groups', facts: {}, hint: null } as const;
  const made = mountedMachine(({ switchboard }, { request }) =>
    leaveMessage(switchboard, 0, { kind: 'answer', request, ok: null, error }),
  );
  const plan = planOf(made);
  plan.close();
  assert.deepEqual(plan.doubts().slice(-2), [
    'a filesystem on d12 is in use or damaged: every block of it is read',
    'no control groups',
  ]);
});

test('what others have asked meanwhile is not lost', () => {
  const made = mountedMachine(({ switchboard }) => leaveMessage(switchboard, 0, { kind: 'stop', to: 1 }));
  const plan = planOf(made);
  plan.close();
  assert.match(plan.doubts().at(-1)!, /without an answer/);
  assert.deepEqual(takeMessages(made.switchboard, 0), [{ kind: 'stop', to: 1 }]);
});

test('an OS that cannot be entered keeps no request', () => {
  const made = bankMachine();
  setMounted(made, true);
  made.sys.onReboot = () => {
    throw new TorporError('E_SYSCALL', 'reboot failed: EBUSY', { facts: { errno: 'EBUSY' } });
  };
  failure('E_FREEZE_REFUSED', () => planOf(made));
  assert.equal(made.switchboard.readMailbox(1), null);
  assert.equal(made.sys.held, 0);
});

test('an OS is not entered for a snapshot whose name is taken', async () => {
  const made = bankMachine();
  const { sys, switchboard, registry, bank } = made;
  const plan = planSnapshot(sys, switchboard, registry, WISH);
  await snapshotOs(switchboard, bank, plan);
  plan.close();
  setMounted(made, true);
  sys.onReboot = () => assert.fail('it was entered');
  failure('E_SNAPSHOT_EXISTS', () => planOf(made));
});

test('an OS at rest is not entered', () => {
  const made = bankMachine();
  setMounted(made, false);
  made.sys.onReboot = () => assert.fail('it was entered');
  planOf(made).close();
});
