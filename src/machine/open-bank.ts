import { readFileSync } from 'node:fs';
import { Bank, KEY_FILE } from '../bank/bank.ts';
import { type KeyOpener, readLockKind, unwrapBankKey } from '../bank/bank-key.ts';
import { unfinishedRestore } from '../bank/restore-journal.ts';
import { openSeal, type Seal } from '../bank/seal.ts';
import { createAesSeal } from '../bank/seal-aes.ts';
import type { RestoreRecord } from '../bank/snapshot.ts';
import { TorporError } from '../base/errors.ts';
import { openStorage } from '../sys/linux/storage.ts';
import type { Storage } from '../sys/storage.ts';
import { type BankPlace, completeBankPlace } from './bank-place.ts';

/**
 * Opens the bank, runs `action` with it and closes it. Throws E_NO_BANK, E_BANK_FORMAT, E_BANK_KEY,
 * E_BANK_BUSY, E_BANK_DAMAGED, E_FILE (of a key).
 */
export async function withBank<T>(
  options: BankPlace & { readonly write?: boolean },
  action: (bank: Bank) => T | Promise<T>,
): Promise<T> {
  const place = completeBankPlace(options);
  const storage = openStorage(place.directory!);
  const seal = await openBankSeal(storage, place);
  const bank = Bank.open(storage, { seal, write: options.write === true });
  try {
    return await action(bank);
  } finally {
    bank.close();
  }
}

/**
 * The restore that was begun and not ended, without the bank's key. Null also when there is no bank.
 * Throws E_BANK_DAMAGED.
 */
export function readUnfinishedRestore(options: BankPlace = {}): RestoreRecord | null {
  return unfinishedRestore({ storage: openStorage(completeBankPlace(options).directory!) });
}

/** The seal of a bank that is there: none, or that of its key. */
async function openBankSeal(storage: Storage, place: Required<BankPlace>): Promise<Seal> {
  const keyFile = storage.read(KEY_FILE);
  if (keyFile === null) return openSeal;
  return createAesSeal(await unwrapBankKey(keyFile, await readOpener(place, readLockKind(keyFile))));
}

/** What there is to open a key file with. Throws E_FILE. */
export async function readOpener(
  place: BankPlace,
  lockedFor: 'passphrase' | 'recipients',
): Promise<KeyOpener> {
  const { passphraseFile, identityFile, askPassphrase } = completeBankPlace(place);
  if (lockedFor === 'recipients') {
    return identityFile === undefined ? {} : { identities: readIdentities(identityFile) };
  }
  if (passphraseFile !== undefined) return { passphrase: readPassphrase(passphraseFile) };
  return askPassphrase === undefined ? {} : { passphrase: await askPassphrase() };
}

/** The first line of a file. Throws E_FILE. */
export function readPassphrase(path: string): string {
  return readSecret(path).split('\n')[0]!;
}

/** As age reads them: a line each, `#` begins a comment. */
function readIdentities(path: string): string[] {
  const lines = readSecret(path)
    .split('\n')
    .map((line) => line.trim());
  return lines.filter((line) => line !== '' && !line.startsWith('#'));
}

function readSecret(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    throw new TorporError('E_FILE', `cannot read ${path}: ${errno}`, {
      facts: { path, errno },
      hint: 'name the file that holds the key of the bank',
      cause,
    });
  }
}
