import { TorporError } from '../base/errors.ts';
import type { Bank } from './bank.ts';

/** A write that found no room becomes E_BANK_FULL with `message`; other errors stay as they are. */
export function explainFull(bank: Bank, error: unknown, message: string): unknown {
  if (!(error instanceof TorporError && error.facts.errno === 'ENOSPC')) return error;
  return bankFull(bank, message, error);
}

export function bankFull(bank: Bank, message: string, cause?: unknown): TorporError {
  const { place } = bank.storage;
  return new TorporError('E_BANK_FULL', `${place} has no room${message}`, {
    facts: { place, freeBytes: bank.storage.freeBytes() },
    hint: 'remove a snapshot first: `torpor bank rm`',
    cause,
  });
}
