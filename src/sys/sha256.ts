import { hash } from 'node:crypto';
import { opensslSha256 } from './native.ts';

const DIGEST_BYTES = 32;

/**
 * SHA-256 (FIPS 180-4) of some bytes, for many small ones: node:crypto looks the algorithm up anew at each call,
 * which for a page costs as much as the digest and, on an emulated processor, five times as much.
 */
export const sha256: (bytes: Uint8Array) => Buffer =
  opensslSha256 === null
    ? (bytes) => hash('sha256', bytes, 'buffer')
    : (bytes) => {
        const digest = Buffer.allocUnsafe(DIGEST_BYTES);
        // SAFETY: SHA256() writes 32 bytes (SHA256_DIGEST_LENGTH) to where `digest` is.
        opensslSha256!(bytes, bytes.length, digest);
        return digest;
      };
