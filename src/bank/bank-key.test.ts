import assert from 'node:assert/strict';
import test from 'node:test';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import fc from 'fast-check';
import { asyncFailure } from '../base/errors.fixture.ts';
import { createBankKey, readLockKind, unwrapBankKey, wrapBankKey } from './bank-key.ts';

const KEY = createBankKey();
/** Quick, and enough for a test. */
const workFactor = 4;
const byPassphrase = await wrapBankKey(KEY, { kind: 'passphrase', passphrase: 'correct horse', workFactor });
const identity = await generateIdentity();
const recipient = await identityToRecipient(identity);
const byRecipient = await wrapBankKey(KEY, { kind: 'recipients', recipients: [recipient] });

test('the passphrase opens what it locked, and nothing else does', async () => {
  assert.equal(readLockKind(byPassphrase), 'passphrase');
  assert.deepEqual(
    new Uint8Array(await unwrapBankKey(byPassphrase, { passphrase: 'correct horse' })),
    new Uint8Array(KEY),
  );
  const wrong = await asyncFailure('E_BANK_KEY', unwrapBankKey(byPassphrase, { passphrase: 'wrong horse' }));
  assert.equal(wrong.message, 'the passphrase is not that of this bank');
  const none = await asyncFailure('E_BANK_KEY', unwrapBankKey(byPassphrase, { identities: [identity] }));
  assert.match(none.hint!, /--passphrase-file/);
});

test('the identity of a recipient opens it, and nothing else does', async () => {
  assert.equal(readLockKind(byRecipient), 'recipients');
  const other = await generateIdentity();
  assert.deepEqual(
    new Uint8Array(await unwrapBankKey(byRecipient, { identities: [other, identity] })),
    new Uint8Array(KEY),
  );
  const wrong = await asyncFailure('E_BANK_KEY', unwrapBankKey(byRecipient, { identities: [other] }));
  assert.equal(wrong.message, 'none of the identities opens this bank');
  const none = await asyncFailure('E_BANK_KEY', unwrapBankKey(byRecipient, { passphrase: 'x' }));
  assert.match(none.hint!, /--identity/);
});

test('what is no recipient, identity, passphrase or work factor is E_USAGE and secrets are not repeated', async () => {
  await asyncFailure('E_USAGE', wrapBankKey(KEY, { kind: 'recipients', recipients: [] }));
  await asyncFailure('E_USAGE', wrapBankKey(KEY, { kind: 'recipients', recipients: ['ssh-ed25519 AAAA'] }));
  await asyncFailure('E_USAGE', wrapBankKey(KEY, { kind: 'passphrase', passphrase: '' }));
  await asyncFailure('E_USAGE', wrapBankKey(KEY, { kind: 'passphrase', passphrase: 'x', workFactor: 21 }));
  const secret = await asyncFailure('E_USAGE', unwrapBankKey(byRecipient, { identities: ['hunter2'] }));
  assert.doesNotMatch(JSON.stringify(secret), /hunter2/);
});

test('a damaged key file is E_BANK_KEY', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: byPassphrase.length - 1 }),
      fc.integer({ min: 1, max: 255 }),
      async (at, flip) => {
        const damaged = byPassphrase.slice();
        damaged[at]! ^= flip;
        await asyncFailure('E_BANK_KEY', unwrapBankKey(damaged, { passphrase: 'correct horse' }));
      },
    ),
    { numRuns: 60 },
  );
  await asyncFailure(
    'E_BANK_KEY',
    unwrapBankKey(byPassphrase.subarray(0, 100), { passphrase: 'correct horse' }),
  );
  await asyncFailure('E_BANK_KEY', unwrapBankKey(new Uint8Array(0), { passphrase: 'x' }));
});
