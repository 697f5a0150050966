import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TorporError } from '../base/errors.ts';
import { leaveAndReturn, park, setState } from '../switchboard/fake.ts';
import { CONTROL, OFFSET } from '../switchboard/layout.ts';
import { askHome } from './ask-home.ts';
import { type BankMachine, bankMachine, fillSome } from './bank-machine.fixture.ts';
import { carryOutRequest, type HomeServices } from './carry-out.ts';
import { type HomeRequest, leaveMessage, newRequestId, takeMessages } from './messages.ts';

const servicesOf = ({ registry, bank }: BankMachine): HomeServices => ({
  registry,
  withBank: (action) => action(bank),
});

const carryOut = (made: BankMachine, request: HomeRequest) =>
  carryOutRequest(made.sys, made.switchboard, request, undefined, servicesOf(made));

const SAVE: HomeRequest = {
  kind: 'snapshot',
  request: newRequestId(),
  from: 1,
  os: 'debian12',
  tag: 'a',
  note: '',
  dryRun: false,
  asIs: false,
};
const RESTORE: HomeRequest = {
  kind: 'restore',
  request: newRequestId(),
  from: 2,
  reference: 'debian12@a',
  slot: null,
  check: false,
  go: false,
  dryRun: false,
};

test('home saves an OS that asks for it, answers, and goes back there', async () => {
  const made = bankMachine();
  assert.equal(await carryOut(made, SAVE), 1);
  const [answer, ...others] = takeMessages(made.switchboard, 1);
  assert.ok(answer?.kind === 'answer' && answer.ok !== null);
  assert.deepEqual([answer.request, answer.ok.reference, answer.error], [SAVE.request, 'debian12@a', null]);
  assert.deepEqual(others, []);
  assert.equal(made.bank.snapshots().length, 1);
});

test('a dry run answers with the plan and changes nothing', async () => {
  const made = bankMachine();
  assert.equal(await carryOut(made, { ...SAVE, dryRun: true }), 1);
  const [plan] = takeMessages(made.switchboard, 1);
  assert.ok(plan?.kind === 'answer' && plan.ok?.os === 'debian12');
  assert.deepEqual(made.bank.snapshots(), []);
  await carryOut(made, SAVE);
  takeMessages(made.switchboard, 1);
  park(made, 2, 'other');
  const before = made.memory.slice();
  assert.equal(await carryOut(made, { ...RESTORE, dryRun: true }), 2);
  const [restore] = takeMessages(made.switchboard, 2);
  assert.ok(restore?.kind === 'answer' && restore.ok?.slot === 1);
  assert.ok(Buffer.from(made.memory).equals(before));
});

test('home restores an OS for another one and goes back to it, or to the restored one', async () => {
  for (const go of [false, true]) {
    const made = bankMachine();
    await carryOut(made, SAVE);
    park(made, 2, 'other');
    fillSome(made.memory, 50);
    assert.equal(await carryOut(made, { ...RESTORE, go }), go ? 1 : 2);
    const [answer] = takeMessages(made.switchboard, 2);
    assert.ok(answer?.kind === 'answer' && answer.ok?.generation === 1);
    const kinds = takeMessages(made.switchboard, 1).map(({ kind }) => kind);
    assert.deepEqual(kinds, ['restored'], 'what waited for the OS before is gone');
  }
});

test('an OS that restores itself is gone: the restored one is entered and knows no request', async () => {
  const made = bankMachine();
  await carryOut(made, SAVE);
  assert.equal(await carryOut(made, { ...RESTORE, from: 1 }), 1);
  const kinds = takeMessages(made.switchboard, 1).map(({ kind }) => kind);
  assert.deepEqual(kinds, ['restored']);
});

test('what fails is answered with code, facts and hint', async () => {
  const made = bankMachine();
  assert.equal(await carryOut(made, { ...RESTORE, from: 1 }), 1);
  const [answer] = takeMessages(made.switchboard, 1);
  assert.ok(answer?.kind === 'answer');
  assert.equal(answer.ok, null);
  assert.equal(answer.error?.code, 'E_NO_SNAPSHOT');
  assert.ok(answer.error?.hint);
});

test('an error with many facts is answered without them', async () => {
  const made = bankMachine();
  const services: HomeServices = {
    ...servicesOf(made),
    withBank: async () => {
      throw new TorporError('E_BANK_DAMAGED', 'x'.repeat(5000), {
        facts: { differences: Array.from({ length: 2000 }, () => 'a difference') },
        hint: 'do something',
      });
    },
  };
  assert.equal(await carryOutRequest(made.sys, made.switchboard, SAVE, undefined, services), 1);
  const [answer] = takeMessages(made.switchboard, 1);
  assert.ok(answer?.kind === 'answer');
  assert.deepEqual([answer.error?.code, answer.error?.facts], ['E_BANK_DAMAGED', {}]);
  assert.equal(answer.error?.message.length, 1000);
});

test('home goes on when the asker is lost in a restore of itself', async () => {
  const made = bankMachine();
  await carryOut(made, SAVE);
  made.disk.writesFailAfter = 0;
  await assert.rejects(carryOut(made, { ...RESTORE, from: 1 }), { code: 'E_SYSCALL' });
  assert.equal(made.switchboard.record(1).state, 'empty');
});

test('an OS that is not home refuses', async () => {
  const made = bankMachine();
  park(made, 2, 'other');
  setState(made.bytes, 0, 'parked', 0x1234_5000);
  setState(made.bytes, 2, 'running');
  CONTROL.encodeInto(made.bytes, { current: 2n, target: 2n }, OFFSET.control);
  assert.equal(await carryOut(made, SAVE), 1);
  const [answer] = takeMessages(made.switchboard, 1);
  assert.ok(answer?.kind === 'answer' && answer.error?.code === 'E_OS_STATE');
});

/** This program runs in debian12; `inHome` is what happens while home runs. */
function inGuest(inHome: (made: BankMachine, request: HomeRequest) => void): BankMachine {
  const made = bankMachine();
  setState(made.bytes, 0, 'parked', 0x1234_5000);
  setState(made.bytes, 1, 'running');
  CONTROL.encodeInto(made.bytes, { current: 1n, target: 1n }, OFFSET.control);
  made.sys.onReboot = () => {
    leaveAndReturn(made, 0);
    const [request] = takeMessages(made.switchboard, 0);
    assert.ok(request?.kind === 'snapshot' || request?.kind === 'restore');
    inHome(made, request);
  };
  return made;
}

const ASKED = { kind: 'snapshot', os: 'debian12', tag: null, note: '', dryRun: false, asIs: false } as const;

test('askHome() gives what home answers', async () => {
  const made = inGuest(({ switchboard }, { request, from }) => {
    assert.equal(from, 1);
    leaveMessage(switchboard, 1, { kind: 'answer', request: '0'.repeat(16), ok: { old: 1 }, error: null });
    leaveMessage(switchboard, 1, { kind: 'answer', request, ok: { tag: 'x' }, error: null });
  });
  const { ok } = await askHome(made.sys, made.switchboard, ASKED);
  assert.deepEqual(ok, { tag: 'x' });
});

test('askHome() throws what home says went wrong', async () => {
  const made = inGuest(({ switchboard }, { request }) => {
    const error = { code: 'E_BANK_FULL', message: 'full', facts: { bytes: 7 }, hint: 'remove some' } as const;
    leaveMessage(switchboard, 1, { kind: 'answer', request, ok: null, error });
  });
  await assert.rejects(askHome(made.sys, made.switchboard, ASKED), {
    code: 'E_BANK_FULL',
    message: 'full',
    facts: { bytes: 7 },
    hint: 'remove some',
  });
});

test('askHome() ends a second time in an OS that comes out of the snapshot', async () => {
  const made = inGuest(({ switchboard }) => {
    leaveMessage(switchboard, 1, {
      kind: 'restored',
      id: 'ab'.repeat(16),
      reference: 'debian12@a',
      generation: 1,
      seed: '',
    });
  });
  const { ok, arrived } = await askHome(made.sys, made.switchboard, ASKED);
  assert.equal(ok, null);
  assert.equal(arrived.restored?.reference, 'debian12@a');
});

test('askHome() without an answer is E_NO_ANSWER', async () => {
  const made = inGuest(() => {});
  await assert.rejects(askHome(made.sys, made.switchboard, ASKED), { code: 'E_NO_ANSWER' });
});

test('when this OS cannot leave, home finds no request later', async () => {
  const made = inGuest(() => {});
  made.sys.onReboot = () => {
    throw new TorporError('E_SYSCALL', 'reboot failed: EBUSY', { facts: { errno: 'EBUSY' } });
  };
  await assert.rejects(askHome(made.sys, made.switchboard, ASKED), { code: 'E_FREEZE_REFUSED' });
  assert.equal(made.switchboard.readMailbox(0), null);
});
