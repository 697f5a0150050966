import assert from 'node:assert/strict';
import type { ErrorCodeName } from './error-codes.ts';
import { TorporError } from './errors.ts';

/** The TorporError that an action fails with; its code must be `code`. */
export function failure(code: ErrorCodeName, action: () => unknown): TorporError {
  try {
    action();
  } catch (error) {
    return checkFailure(code, error);
  }
  assert.fail(`it succeeded instead of failing with ${code}`);
}

/** The same for a promise. */
export async function asyncFailure(code: ErrorCodeName, action: Promise<unknown>): Promise<TorporError> {
  return action.then(
    () => assert.fail(`it succeeded instead of failing with ${code}`),
    (error: unknown) => checkFailure(code, error),
  );
}

function checkFailure(code: ErrorCodeName, error: unknown): TorporError {
  assert.ok(error instanceof TorporError, error instanceof Error ? error.stack : String(error));
  assert.equal(error.code, code, error.message);
  return error;
}
