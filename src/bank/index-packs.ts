import { TorporError } from '../base/errors.ts';
import type { Bank } from './bank.ts';
import { decodingBlob } from './damage.ts';
import { NewPages } from './new-pages.ts';
import { PackCache } from './pack-cache.ts';
import { DIGEST_BYTES } from './pack-reader.ts';
import { addSegments, INDEX_DIRECTORY } from './page-index.ts';
import type { Snapshot } from './snapshot.ts';
import { isVerified } from './verified.ts';

/**
 * Puts the pages of a snapshot's packs into the page index, so that later snapshots share them. All
 * its pages must have been verified. The bank must be open for writing. Throws E_BANK_DAMAGED.
 */
export function indexPacks(bank: Bank, snapshot: Snapshot): void {
  const cache = new PackCache(bank, snapshot);
  const pages = new NewPages(bank.storage);
  const { packs } = snapshot.description;
  try {
    for (const [number, { digest }] of packs.entries()) {
      const { extra, items } = decodingBlob(snapshot.reference, digest, () => cache.get(number));
      for (let page = 0; page < items; page += 1) {
        const pageDigest = Buffer.from(extra.buffer, extra.byteOffset + page * DIGEST_BYTES, DIGEST_BYTES);
        if (!pages.find(pageDigest)) pages.add(pageDigest, number, page);
      }
    }
    addSegments(
      bank.storage,
      pages.takeSegments(),
      packs.map((pack) => pack.digest),
    );
  } catch (error) {
    pages.abandon();
    throw error;
  }
}

/**
 * Makes the page index anew from the verified snapshots when nothing of it is there. The bank must be
 * open for writing. What is damaged is left out.
 */
export function restorePageIndex(bank: Bank): void {
  if (bank.storage.list(INDEX_DIRECTORY).length > 0) return;
  for (const entry of bank.snapshots()) {
    if (!isVerified(bank, entry)) continue;
    try {
      indexPacks(bank, bank.load(entry));
    } catch (error) {
      if (!(error instanceof TorporError && error.code === 'E_BANK_DAMAGED')) throw error;
    }
  }
}
