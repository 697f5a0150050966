import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { BANK_KEY_BYTES } from './bank-key.ts';
import { SALT_BYTES, type Seal, type SealKind } from './seal.ts';

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
/** What GCM adds (NIST SP 800-38D, section 5.2.1.2). */
const TAG_BYTES = 16;
const NONCE_BYTES = 12;
/** Keys of blobs that were used last, so that each is derived once. */
const KEPT_KEYS = 64;

/** In the first byte of the nonce and in the authenticated data. */
const KIND_NUMBER: Readonly<Record<SealKind, number>> = { frame: 1, trailer: 2, description: 3 };

/**
 * AES-256-GCM under a key for each blob (HKDF-SHA-256, RFC 5869, of the bank's key and the blob's
 * random salt). The nonce is kind and position, so it is never used twice under one key; both are
 * authenticated too, so that nothing can stand in another place
 * (docs/decisions/0011-encrypted-banks.md).
 */
export function createAesSeal(bankKey: Uint8Array): Seal {
  if (bankKey.length !== BANK_KEY_BYTES) throw new RangeError(`a bank key has ${BANK_KEY_BYTES} bytes`);
  const keys = new Map<string, Uint8Array>();
  const blobKey = (salt: Uint8Array): Uint8Array => {
    const name = Buffer.from(salt).toString('hex');
    const key = keys.get(name) ?? deriveKey(bankKey, salt, 'torpor bank blob');
    // The one used last goes to the end, the oldest falls out.
    keys.delete(name);
    keys.set(name, key);
    if (keys.size > KEPT_KEYS) keys.delete(keys.keys().next().value!);
    return key;
  };
  return {
    algorithm: ALGORITHM,
    extraBytes: TAG_BYTES,
    newSalt: () => randomBytes(SALT_BYTES),
    seal(kind, blobSalt, position, bytes) {
      const cipher = createCipheriv(ALGORITHM, blobKey(blobSalt), nonceOf(kind, position), {
        authTagLength: TAG_BYTES,
      });
      cipher.setAAD(authenticatedData(kind, position));
      return Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
    },
    open(kind, blobSalt, position, bytes) {
      const end = bytes.length - TAG_BYTES;
      if (end < 0) throw new RangeError(`sealed content is shorter than its tag of ${TAG_BYTES} bytes`);
      const decipher = createDecipheriv(ALGORITHM, blobKey(blobSalt), nonceOf(kind, position), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(authenticatedData(kind, position));
      decipher.setAuthTag(bytes.subarray(end));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(0, end)), decipher.final()]);
      } catch (cause) {
        throw new RangeError(`the ${kind} at position ${position} is not what was sealed with this key`, {
          cause,
        });
      }
    },
    digestSalt: deriveKey(bankKey, new Uint8Array(SALT_BYTES), 'torpor bank digests'),
  };
}

function deriveKey(bankKey: Uint8Array, salt: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', bankKey, salt, purpose, KEY_BYTES));
}

/** Kind, three zeros, position: 96 bits. */
function nonceOf(kind: SealKind, position: number): Uint8Array {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeUInt8(KIND_NUMBER[kind], 0);
  nonce.writeBigUInt64BE(BigInt(position), 4);
  return nonce;
}

function authenticatedData(kind: SealKind, position: number): Uint8Array {
  return Buffer.from(`torpor ${kind} ${position}`);
}
