import { TorporError } from '../base/errors.ts';

/** Throws E_BANK_DAMAGED with what is wrong with a blob, and in which snapshot it was met. */
export function damaged(snapshot: string, blob: string, what: string, cause?: unknown): TorporError {
  return new TorporError('E_BANK_DAMAGED', `${snapshot}: ${blob}: ${what}`, {
    facts: { snapshot, blob, what },
    hint: 'run `torpor bank verify` to see which snapshots are whole',
    cause,
  });
}

/**
 * Runs what decodes a blob: a RangeError, which every decoder throws for what cannot be, and a blob
 * that is not there become E_BANK_DAMAGED.
 */
export function decodingBlob<T>(snapshot: string, blob: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw asDamage(snapshot, blob, error);
  }
}

/** The same for what takes its time. */
export async function decodingBlobLater<T>(
  snapshot: string,
  blob: string,
  action: () => Promise<T>,
): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw asDamage(snapshot, blob, error);
  }
}

function asDamage(snapshot: string, blob: string, error: unknown): unknown {
  if (error instanceof RangeError) return damaged(snapshot, blob, error.message, error);
  if (error instanceof TorporError && error.code === 'E_SYSCALL') {
    if (error.facts.errno === 'ENOENT') return damaged(snapshot, blob, 'it is missing', error);
    if (error.facts.errno === 'EIO') return damaged(snapshot, blob, 'it cannot be read', error);
  }
  return error;
}
