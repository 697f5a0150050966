import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { failure } from '../base/errors.fixture.ts';
import { TorporError } from '../base/errors.ts';
import { fakeMachine } from '../switchboard/fake.ts';
import { MAILBOX_BYTES, OFFSET } from '../switchboard/layout.ts';
import {
  decodeMailbox,
  leaveMessage,
  type Message,
  newRequestId,
  takeMessages,
  withdrawMessages,
} from './messages.ts';

test('messages are taken once, oldest first', () => {
  const { switchboard } = fakeMachine();
  assert.deepEqual(takeMessages(switchboard, 2), []);
  const answer: Message = { kind: 'answer', request: newRequestId(), ok: { tag: 'x' }, error: null };
  leaveMessage(switchboard, 2, answer);
  leaveMessage(switchboard, 2, { kind: 'stop', to: 0 });
  assert.deepEqual(takeMessages(switchboard, 1), []);
  assert.deepEqual(takeMessages(switchboard, 2), [answer, { kind: 'stop', to: 0 }]);
  assert.deepEqual(takeMessages(switchboard, 2), []);
});

test('messages of one kind are withdrawn', () => {
  const { switchboard } = fakeMachine();
  leaveMessage(switchboard, 2, { kind: 'stop', to: 0 });
  withdrawMessages(switchboard, 2, 'stop');
  assert.equal(switchboard.readMailbox(2), null);
  leaveMessage(switchboard, 2, { kind: 'return', to: 0 });
  leaveMessage(switchboard, 2, { kind: 'stop', to: 0 });
  withdrawMessages(switchboard, 2, 'stop');
  assert.deepEqual(takeMessages(switchboard, 2), [{ kind: 'return', to: 0 }]);
});

test('a mailbox that nobody empties keeps the newest messages', () => {
  const { switchboard } = fakeMachine();
  for (let to = 0; to < 40; to += 1) leaveMessage(switchboard, 2, { kind: 'return', to: to % 16 });
  const messages = takeMessages(switchboard, 2);
  assert.equal(messages.length, 16);
  assert.deepEqual(messages.at(-1), { kind: 'return', to: 39 % 16 });
});

test('a bad message is taken out as well, and the next one replaces it', () => {
  const { switchboard, bytes } = fakeMachine();
  const damages = [
    () => switchboard.writeMailbox(2, [{ kind: 'dance' }]),
    () => switchboard.writeMailbox(2, { kind: 'stop', to: 0 }),
    () => {
      bytes[OFFSET.mailboxes + 2 * MAILBOX_BYTES] = 9;
    },
  ];
  for (const damage of damages) {
    damage();
    failure('E_MAILBOX', () => takeMessages(switchboard, 2));
    assert.deepEqual(takeMessages(switchboard, 2), []);
    damage();
    leaveMessage(switchboard, 2, { kind: 'stop', to: 1 });
    assert.deepEqual(takeMessages(switchboard, 2), [{ kind: 'stop', to: 1 }]);
  }
});

test('a message that does not fit is refused and leaves those that wait', () => {
  const { switchboard } = fakeMachine();
  leaveMessage(switchboard, 2, { kind: 'stop', to: 1 });
  const long: Message = {
    kind: 'answer',
    request: newRequestId(),
    ok: { text: 'x'.repeat(MAILBOX_BYTES) },
    error: null,
  };
  failure('E_MAILBOX', () => leaveMessage(switchboard, 2, long));
  assert.deepEqual(takeMessages(switchboard, 2), [{ kind: 'stop', to: 1 }]);
});

test('decodeMailbox() answers any JSON with messages or E_MAILBOX', () => {
  const shaped = fc.record(
    {
      kind: fc.constantFrom('stop', 'return', 'snapshot', 'restore', 'answer', 'restored', 'x'),
      to: fc.oneof(fc.integer(), fc.double(), fc.nat(20)),
      request: fc.oneof(fc.string(), fc.constant('00112233aabbccdd')),
      from: fc.nat(20),
      os: fc.string(),
      tag: fc.option(fc.string()),
      note: fc.string(),
      error: fc.option(fc.jsonValue()),
      ok: fc.option(fc.jsonValue()),
    },
    { requiredKeys: ['kind'] },
  );
  fc.assert(
    fc.property(
      fc.oneof(fc.jsonValue(), fc.array(fc.oneof(fc.jsonValue(), shaped), { maxLength: 20 })),
      (json) => {
        try {
          for (const message of decodeMailbox(json)) {
            const slot = 'to' in message ? message.to : 'from' in message ? message.from : 0;
            assert.ok(Number.isInteger(slot) && slot >= 0 && slot < 16);
          }
        } catch (error) {
          assert.ok(error instanceof TorporError && error.code === 'E_MAILBOX', String(error));
        }
      },
    ),
  );
});
