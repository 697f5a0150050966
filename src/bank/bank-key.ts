import { randomBytes } from 'node:crypto';
import type { Decrypter, Encrypter } from 'age-encryption';
import { TorporError } from '../base/errors.ts';

/** Size of the key that everything in an encrypted bank is derived from. */
export const BANK_KEY_BYTES = 32;
/**
 * Base-2 logarithm of scrypt's cost. 16 takes 64 MiB and about a third of a second; each step more doubles
 * both.
 */
export const DEFAULT_WORK_FACTOR = 16;
/** age-encryption refuses files above it. */
const MAX_WORK_FACTOR = 20;
const LABEL = 'torpor-bank-key-1 ';

/** What a bank is locked for when it is created. */
export type KeyLock =
  | { readonly kind: 'passphrase'; readonly passphrase: string; readonly workFactor?: number }
  | { readonly kind: 'recipients'; readonly recipients: readonly string[] };

/** What somebody has to open a bank with. */
export interface KeyOpener {
  readonly passphrase?: string;
  /** `AGE-SECRET-KEY-1…` */
  readonly identities?: readonly string[];
}

export function createBankKey(): Uint8Array {
  return randomBytes(BANK_KEY_BYTES);
}

/**
 * The content of torpor/key.age: an age file (https://age-encryption.org/v1) whose text is a label
 * and the key in hexadecimal, so that the `age` tool opens it too. Throws E_USAGE.
 */
export async function wrapBankKey(key: Uint8Array, lock: KeyLock): Promise<Uint8Array> {
  const { Encrypter } = await loadAge();
  const encrypter = new Encrypter();
  if (lock.kind === 'passphrase') {
    encrypter.setPassphrase(lock.passphrase);
    encrypter.setScryptWorkFactor(checkWorkFactor(lock.workFactor ?? DEFAULT_WORK_FACTOR));
    checkPassphrase(lock.passphrase);
  } else {
    if (lock.recipients.length === 0) throw usage('a bank needs at least one recipient');
    for (const recipient of lock.recipients) addRecipient(encrypter, recipient);
  }
  return await encrypter.encrypt(`${LABEL}${Buffer.from(key).toString('hex')}\n`);
}

/** Opens torpor/key.age. Throws E_BANK_KEY: no key given, the wrong one, or a damaged file; E_USAGE. */
export async function unwrapBankKey(file: Uint8Array, opener: KeyOpener): Promise<Uint8Array> {
  const lockedFor = readLockKind(file);
  const { Decrypter } = await loadAge();
  const decrypter = new Decrypter();
  if (lockedFor === 'passphrase') {
    if (opener.passphrase === undefined) throw missingKey(lockedFor);
    decrypter.addPassphrase(opener.passphrase);
  } else {
    if (opener.identities === undefined || opener.identities.length === 0) throw missingKey(lockedFor);
    for (const identity of opener.identities) addIdentity(decrypter, identity);
  }
  return decodeKey(await decrypt(decrypter, file, lockedFor));
}

/** Says from the readable header of an age file what opens it. Throws E_BANK_KEY. */
export function readLockKind(file: Uint8Array): KeyLock['kind'] {
  const header = Buffer.from(file.subarray(0, 4096)).toString('latin1');
  if (!header.startsWith('age-encryption.org/v1\n')) throw damagedKey();
  return header.includes('\n-> scrypt ') ? 'passphrase' : 'recipients';
}

/** Only an encrypted bank needs its curves, whose tables take as long to load as all the rest of a command. */
async function loadAge() {
  return await import('age-encryption');
}

async function decrypt(decrypter: Decrypter, file: Uint8Array, lockedFor: KeyLock['kind']): Promise<string> {
  try {
    return await decrypter.decrypt(file, 'text');
  } catch (cause) {
    // The library has no error classes; this is the only text for a key that does not fit.
    if (!String(cause).includes('no identity matched')) throw damagedKey(cause);
    throw lockedFor === 'passphrase'
      ? keyError('the passphrase is not that of this bank', 'give the one that it was created with', cause)
      : keyError(
          'none of the identities opens this bank',
          'give one that it was created for: `--identity FILE`',
          cause,
        );
  }
}

function decodeKey(text: string): Uint8Array {
  const match = new RegExp(`^${LABEL}([0-9a-f]{${2 * BANK_KEY_BYTES}})\n$`).exec(text);
  if (match === null) throw damagedKey();
  return Buffer.from(match[1]!, 'hex');
}

function addRecipient(encrypter: Encrypter, recipient: string): void {
  try {
    encrypter.addRecipient(recipient);
  } catch (cause) {
    throw usage(
      `“${recipient}” is no age recipient`,
      'it begins with age1; `age-keygen -y FILE` prints it',
      cause,
    );
  }
}

function addIdentity(decrypter: Decrypter, identity: string): void {
  try {
    decrypter.addIdentity(identity);
  } catch (cause) {
    // The text is a secret: it is not repeated.
    throw usage(
      'an identity is no age identity',
      'the file has lines that begin with AGE-SECRET-KEY-1; `age-keygen` makes one',
      cause,
    );
  }
}

function checkWorkFactor(workFactor: number): number {
  if (Number.isInteger(workFactor) && workFactor >= 1 && workFactor <= MAX_WORK_FACTOR) return workFactor;
  throw usage(
    `the work factor must be from 1 to ${MAX_WORK_FACTOR}`,
    `leave it out for ${DEFAULT_WORK_FACTOR}`,
  );
}

function checkPassphrase(passphrase: string): void {
  if (passphrase === '') throw usage('the passphrase is empty');
}

function missingKey(lockedFor: KeyLock['kind']): TorporError {
  return keyError(
    'this bank is encrypted',
    lockedFor === 'passphrase'
      ? 'give its passphrase: `--passphrase-file FILE`, or TORPOR_BANK_PASSPHRASE_FILE'
      : 'give an identity that it is locked for: `--identity FILE`',
  );
}

function damagedKey(cause?: unknown): TorporError {
  return keyError(
    'torpor/key.age is damaged',
    'put a copy of that file back; nothing else opens this bank',
    cause,
  );
}

function keyError(message: string, hint: string, cause?: unknown): TorporError {
  return new TorporError('E_BANK_KEY', message, { hint, cause });
}

function usage(
  message: string,
  hint = '`torpor bank init --help` says what each option takes',
  cause?: unknown,
): TorporError {
  return new TorporError('E_USAGE', message, { hint, cause });
}
