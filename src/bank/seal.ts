/**
 * Every byte of a bank's content passes through a Seal before it is written and after it is read.
 * `openSeal` leaves it as it is; an encrypted bank has one that encrypts and authenticates.
 */

/** What is sealed; part of the authenticated data, so that one kind cannot stand for another. */
export type SealKind = 'frame' | 'trailer' | 'description';

export interface Seal {
  /** Null for a bank without encryption. Compared with what the bank's own file says. */
  readonly algorithm: 'aes-256-gcm' | null;
  /** How many bytes longer sealed content is. */
  readonly extraBytes: number;
  /** 32 bytes for the header of a new blob: random, or zeros without encryption. */
  newSalt(): Uint8Array;
  /**
   * Seals content. `position` is the frame's number in its blob (trailer and description: 0); a pair
   * of salt, kind and position is used once only.
   */
  seal(kind: SealKind, blobSalt: Uint8Array, position: number, bytes: Uint8Array): Uint8Array;
  /** Opposite of `seal`. Throws RangeError when the content is not what was sealed. */
  open(kind: SealKind, blobSalt: Uint8Array, position: number, bytes: Uint8Array): Uint8Array;
  /** 32 bytes that page digests start from, or none: a secret of an encrypted bank. */
  readonly digestSalt: Uint8Array | null;
}

/** Bytes of a salt in a blob's header. */
export const SALT_BYTES = 32;

/** No encryption. */
export const openSeal: Seal = {
  algorithm: null,
  extraBytes: 0,
  newSalt: () => new Uint8Array(SALT_BYTES),
  seal: (_kind, _blobSalt, _position, bytes) => bytes,
  open: (_kind, _blobSalt, _position, bytes) => bytes,
  digestSalt: null,
};
