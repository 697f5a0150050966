import { Bank } from '../bank/bank.ts';
import { createBankKey, type KeyLock, readLockKind, unwrapBankKey, wrapBankKey } from '../bank/bank-key.ts';
import { createAesSeal } from '../bank/seal-aes.ts';
import { openStorage } from '../sys/linux/storage.ts';
import { type BankPlace, completeBankPlace } from './bank-place.ts';
import { readOpener } from './open-bank.ts';

/** What a new bank is locked for, or the key file of another bank whose key it shares. */
export type NewKey = { readonly lock: KeyLock } | { readonly keyFile: Uint8Array };

/**
 * Makes an empty bank, encrypted when there is a key. A key file must open with what `place` names.
 * Throws E_BANK_FORMAT (there is one), E_BANK_KEY, E_USAGE, E_FILE.
 */
export async function createBank(place: BankPlace, key: NewKey | null): Promise<void> {
  const options = key === null ? {} : await openKey(place, key);
  Bank.create(openStorage(completeBankPlace(place).directory!), options).close();
}

async function openKey(place: BankPlace, key: NewKey) {
  if ('lock' in key) {
    const bankKey = createBankKey();
    return { seal: createAesSeal(bankKey), keyFile: await wrapBankKey(bankKey, key.lock) };
  }
  const { keyFile } = key;
  const bankKey = await unwrapBankKey(keyFile, await readOpener(place, readLockKind(keyFile)));
  return { seal: createAesSeal(bankKey), keyFile };
}
