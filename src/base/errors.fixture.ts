import assert from 'node:assert/strict';
import type { ErrorCodeName } from './error-codes.ts';
import { TorporError } from './errors.ts';

/** The TorporError that an action fails with. */
export function asTorporError(action: () => unknown): TorporError {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof TorporError, String(error instanceof Error ? error.stack : error));
    return error;
  }
  assert.fail('it succeeded instead of failing');
}

/** The same; its code must be `code`. */
export function failure(code: ErrorCodeName, action: () => unknown): TorporError {
  const error = asTorporError(action);
  assert.equal(error.code, code, error.message);
  return error;
}

/** The same for a promise. */
export async function asyncFailure(code: ErrorCodeName, action: Promise<unknown>): Promise<TorporError> {
  const error: unknown = await action.then(
    () => null,
    (reason: unknown) => reason,
  );
  return failure(code, () => {
    if (error !== null) throw error;
  });
}
