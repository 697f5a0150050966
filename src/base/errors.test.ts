import assert from 'node:assert/strict';
import test from 'node:test';
import { ERROR_CODES } from './error-codes.ts';
import { TorporError } from './errors.ts';
import { EXIT_STATUS } from './exit-status.ts';

test('an error carries its code, facts, hint and cause', () => {
  const cause = new Error('EPERM');
  const error = new TorporError('E_NOT_ROOT', 'root is needed', {
    facts: { uid: 1000 },
    hint: 'use sudo',
    cause,
  });
  assert.ok(error instanceof Error);
  assert.equal(error.name, 'TorporError');
  assert.equal(error.message, 'root is needed');
  assert.equal(error.cause, cause);
  assert.equal(error.exitStatus, EXIT_STATUS.machine);
  assert.deepEqual(JSON.parse(JSON.stringify(error)), {
    code: 'E_NOT_ROOT',
    message: 'root is needed',
    facts: { uid: 1000 },
    hint: 'use sudo',
  });
});

test('facts, hint and cause may be left out', () => {
  const error = new TorporError('E_BUSY', 'busy');
  assert.deepEqual(error.facts, {});
  assert.equal(error.hint, undefined);
  assert.equal('cause' in error, false);
  assert.deepEqual(JSON.parse(JSON.stringify(error)).hint, null);
});

test('codes are upper case and each says its meaning in a sentence', () => {
  for (const [code, { exit, meaning }] of Object.entries(ERROR_CODES)) {
    assert.match(code, /^E_[A-Z0-9]+(_[A-Z0-9]+)*$/);
    assert.match(meaning, /^[A-Z/].*\.$/, code);
    assert.ok(exit in EXIT_STATUS, code);
    assert.ok(!['ok', 'internal'].includes(exit), `${code} is an error that a user can meet`);
  }
});

test('exit statuses differ and stay below those of shells and signals', () => {
  const statuses = Object.values(EXIT_STATUS);
  assert.equal(new Set(statuses).size, statuses.length);
  assert.ok(statuses.every((status) => status >= 0 && status < 64));
});
