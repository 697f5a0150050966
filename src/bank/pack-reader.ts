import { PAGE_BYTES } from '../base/units.ts';
import { sha256 } from '../sys/sha256.ts';
import type { Storage } from '../sys/storage.ts';
import { blobPath } from './blobs.ts';
import { PACK_PAGES } from './description.ts';
import { FramedReader } from './framed-reader.ts';
import type { Seal } from './seal.ts';

/** Pages of every frame of a pack but the last. */
export const FRAME_PAGES = 256;
/** SHA-256. */
export const DIGEST_BYTES = 32;

/** Opens a pack and checks its shape. Throws RangeError. */
export function openPack(storage: Storage, seal: Seal, digest: string): FramedReader {
  const pack = new FramedReader(storage, seal, 'pack', blobPath(digest));
  if (pack.items < 1 || pack.items > PACK_PAGES) throw new RangeError(`it has ${pack.items} pages`);
  if (pack.extra.length !== pack.items * DIGEST_BYTES)
    throw new RangeError('it has not a digest for each page');
  if (pack.frames !== Math.ceil(pack.items / FRAME_PAGES))
    throw new RangeError('it has the wrong number of frames');
  for (let number = 0; number < pack.frames; number += 1) {
    const { firstItem, items, rawBytes } = pack.frame(number);
    const expected = Math.min(FRAME_PAGES, pack.items - number * FRAME_PAGES);
    if (firstItem !== number * FRAME_PAGES || items !== expected || rawBytes !== items * PAGE_BYTES) {
      throw new RangeError(`frame ${number} has other pages than it must have`);
    }
  }
  return pack;
}

/** Digests of pages in a pack and in the page index; salted with a secret of an encrypted bank. */
export function pageDigester(seal: Seal): (page: Uint8Array) => Buffer {
  const salt = seal.digestSalt;
  if (salt === null) return sha256;
  const salted = Buffer.alloc(salt.length + PAGE_BYTES);
  salted.set(salt);
  return (page) => {
    salted.set(page, salt.length);
    return sha256(salted);
  };
}
