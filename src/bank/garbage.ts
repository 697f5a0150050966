import { TorporError } from '../base/errors.ts';
import type { Bank } from './bank.ts';
import { BLOBS, TMP } from './blobs.ts';
import { decodeManifest, MAX_MANIFEST_BYTES, MEDIA_TYPE } from './oci.ts';
import { dropFingerprints } from './parent-pages.ts';
import { dropVerified } from './verified.ts';

/** What was given back. */
interface Collected {
  readonly blobs: number;
  readonly bytes: number;
}

/**
 * Removes what no snapshot needs: unfinished files, and the blobs that nothing refers to. The bank
 * must be open for writing. When a manifest cannot be read, nobody knows what it needs, and no blob
 * is removed.
 */
export function collectGarbage(bank: Bank): Collected {
  const { storage } = bank;
  for (const name of storage.list(TMP)) storage.remove(`${TMP}/${name}`);
  const needed = neededBlobs(bank);
  if (needed === null) return { blobs: 0, bytes: 0 };
  let [blobs, bytes] = [0, 0];
  for (const name of storage.list(BLOBS)) {
    if (needed.has(name)) continue;
    bytes += storage.size(`${BLOBS}/${name}`) ?? 0;
    blobs += 1;
    storage.remove(`${BLOBS}/${name}`);
  }
  if (blobs > 0) storage.syncDirectory(BLOBS);
  const ids = new Set(bank.snapshots().map((entry) => entry.id));
  dropVerified(bank, ids);
  dropFingerprints(storage, ids);
  return { blobs, bytes };
}

/** Hexadecimal digits of all blobs that the index leads to; null when that cannot be told. */
function neededBlobs(bank: Bank): Set<string> | null {
  const needed = new Set<string>();
  for (const { digest, size, mediaType } of bank.index().manifests) {
    // Another tool's image may lead further than Torpor knows.
    if (mediaType !== MEDIA_TYPE.manifest || size > MAX_MANIFEST_BYTES) return null;
    needed.add(hexOf(digest));
    try {
      const { config, layers } = decodeManifest(bank.readBlob(digest, size));
      for (const blob of [config, ...layers]) needed.add(hexOf(blob.digest));
    } catch (error) {
      if (error instanceof RangeError || error instanceof TorporError) return null;
      throw error;
    }
  }
  return needed;
}

function hexOf(digest: string): string {
  return digest.slice('sha256:'.length);
}
