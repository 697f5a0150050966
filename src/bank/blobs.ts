import { createHash, hash } from 'node:crypto';
import type { Storage, StorageFile } from '../sys/storage.ts';

export const BLOBS = 'blobs/sha256';
export const TMP = 'torpor/tmp';

/** A blob that was written and has its final name. */
export interface StoredBlob {
  /** `sha256:…` of its bytes. */
  readonly digest: string;
  readonly sizeBytes: number;
}

/** `sha256:…` → where the blob is. The digest must have been checked to be one. */
export function blobPath(digest: string): string {
  return `${BLOBS}/${digest.slice('sha256:'.length)}`;
}

/** A file under torpor/tmp that becomes a blob, or nothing. */
export class BlobWriter {
  readonly #storage: Storage;
  readonly #tmp: string;
  readonly #file: StorageFile;
  readonly #hash = createHash('sha256');
  sizeBytes = 0;

  /** `name` must be unused under torpor/tmp. */
  constructor(storage: Storage, name: string) {
    this.#storage = storage;
    this.#tmp = `${TMP}/${name}`;
    this.#file = storage.create(this.#tmp);
  }

  append(bytes: Uint8Array): void {
    this.#file.append(bytes);
    this.#hash.update(bytes);
    this.sizeBytes += bytes.length;
  }

  /** Syncs the content and names it, by its digest or `path`. The name is durable after {@link syncBlobs}. */
  finish(path?: string): StoredBlob {
    this.#file.sync();
    this.#file.close();
    const digest = `sha256:${this.#hash.digest('hex')}`;
    this.#storage.rename(this.#tmp, path ?? blobPath(digest));
    return { digest, sizeBytes: this.sizeBytes };
  }

  /** Gives it up and its space back. */
  abandon(): void {
    this.#file.close();
    this.#storage.remove(this.#tmp);
  }
}

/** Makes the names of all finished blobs durable: before a manifest or the index refers to them. */
export function syncBlobs(storage: Storage): void {
  storage.syncDirectory(BLOBS);
}

/** Writes a small blob at once. */
export function writeBlob(storage: Storage, name: string, bytes: Uint8Array): StoredBlob {
  const writer = new BlobWriter(storage, name);
  writer.append(bytes);
  return writer.finish();
}

/** Replaces a small file so that a power cut leaves the old content or the new one. */
export function replaceFile(storage: Storage, path: string, bytes: Uint8Array): void {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const directory = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '.';
  const tmp = `${TMP}/new-${name}`;
  const file = storage.create(tmp);
  file.append(bytes);
  file.sync();
  file.close();
  storage.rename(tmp, path);
  storage.syncDirectory(directory);
}

/** A small blob, with its digest checked. Throws RangeError when it is missing, of another size, or changed. */
export function readWholeBlob(storage: Storage, digest: string, sizeBytes: number): Uint8Array {
  const size = storage.size(blobPath(digest));
  if (size === null) throw new RangeError('it is missing');
  if (size !== sizeBytes) throw new RangeError(`it has ${size} bytes instead of ${sizeBytes}`);
  const bytes = new Uint8Array(size);
  if (storage.readAt(blobPath(digest), 0, bytes) !== size) throw new RangeError('it is cut short');
  if (`sha256:${hash('sha256', bytes)}` !== digest) throw new RangeError('its content has changed');
  return bytes;
}
