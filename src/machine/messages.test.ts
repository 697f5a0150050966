import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { failure } from '../base/errors.fixture.ts';
import { TorporError } from '../base/errors.ts';
import { fakeMachine } from '../switchboard/fake.ts';
import { MAILBOX_BYTES, OFFSET } from '../switchboard/layout.ts';
import { decodeMessage, leaveMessage, takeMessage } from './messages.ts';

test('a message is taken once', () => {
  const { switchboard } = fakeMachine();
  assert.equal(takeMessage(switchboard, 2), null);
  leaveMessage(switchboard, 2, { kind: 'stop', to: 0 });
  assert.equal(takeMessage(switchboard, 1), null);
  assert.deepEqual(takeMessage(switchboard, 2), { kind: 'stop', to: 0 });
  assert.equal(takeMessage(switchboard, 2), null);
});

test('a bad message is taken out as well', () => {
  const { switchboard, bytes } = fakeMachine();
  switchboard.writeMailbox(2, { kind: 'dance' });
  failure('E_MAILBOX', () => takeMessage(switchboard, 2));
  assert.equal(takeMessage(switchboard, 2), null);
  bytes[OFFSET.mailboxes + 2 * MAILBOX_BYTES] = 9;
  failure('E_MAILBOX', () => takeMessage(switchboard, 2));
  assert.equal(takeMessage(switchboard, 2), null);
});

test('decodeMessage() answers any JSON with a message or E_MAILBOX', () => {
  const shaped = fc.record({
    kind: fc.constantFrom('stop', 'return', 'x'),
    to: fc.oneof(fc.integer(), fc.double(), fc.nat(20)),
  });
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), shaped), (json) => {
      try {
        const message = decodeMessage(json);
        if (message !== null) assert.ok(Number.isInteger(message.to) && message.to >= 0 && message.to < 16);
      } catch (error) {
        assert.ok(error instanceof TorporError && error.code === 'E_MAILBOX', String(error));
      }
    }),
  );
});
