import { TorporError } from '../base/errors.ts';
import type { OnProgress } from '../base/progress.ts';
import type { Storage } from '../sys/storage.ts';
import { BLOBS, readWholeBlob, replaceFile, TMP } from './blobs.ts';
import { checkRegion } from './check-region.ts';
import { damaged, decodingBlob } from './damage.ts';
import { collectGarbage } from './garbage.ts';
import { generationOf, nextGeneration } from './generations.ts';
import {
  checkLayout,
  type Descriptor,
  decodeIndex,
  decodeManifest,
  encodeJson,
  type Index,
  MAX_MANIFEST_BYTES,
  type Manifest,
  MEDIA_TYPE,
} from './oci.ts';
import { openPageReader } from './page-reader.ts';
import { placeSnapshot } from './place.ts';
import { readDescription } from './read-description.ts';
import type { RegionTarget } from './region.ts';
import { beginRestore, endRestore, unfinishedRestore } from './restore-journal.ts';
import { type SaveInput, saveSnapshot } from './save.ts';
import { openSeal, type Seal } from './seal.ts';
import type { Difference, PageReader, RestoreRecord, Saved, Snapshot, SnapshotEntry } from './snapshot.ts';
import { findEntry, parseEntries } from './snapshot-entries.ts';

export const KEY_FILE = 'torpor/key.age';
const LOCK_FILE = 'torpor/lock';
const LAYOUT_FILE = 'oci-layout';
const INDEX_FILE = 'index.json';

export interface OpenOptions {
  /** Of an encrypted bank; its key file is {@link KEY_FILE}. */
  readonly seal?: Seal;
  /** Takes the lock, removes what a power cut left half-made. Default false: nothing is changed. */
  readonly write?: boolean;
}

/** A directory of snapshots (docs/formats/bank.md). */
export class Bank {
  readonly storage: Storage;
  readonly seal: Seal;
  #unlock: (() => void) | null;

  private constructor(storage: Storage, seal: Seal, unlock: (() => void) | null) {
    this.storage = storage;
    this.seal = seal;
    this.#unlock = unlock;
  }

  /** Makes an empty bank in an empty or missing directory and opens it for writing. Throws E_BANK_FORMAT. */
  static create(storage: Storage, options: { seal?: Seal; keyFile?: Uint8Array } = {}): Bank {
    const { seal = openSeal, keyFile } = options;
    if ((seal.algorithm === null) !== (keyFile === undefined)) throw new Error('a seal needs its key file');
    for (const directory of ['.', 'blobs', BLOBS, 'torpor', TMP]) storage.makeDirectory(directory);
    const unlock = storage.lock(LOCK_FILE);
    if (holdsBank(storage)) {
      unlock();
      throw new TorporError('E_BANK_FORMAT', `${storage.place} holds a bank already`, {
        facts: { place: storage.place },
        hint: 'name another directory',
      });
    }
    for (const directory of ['torpor', 'blobs']) storage.syncDirectory(directory);
    if (keyFile !== undefined) replaceFile(storage, KEY_FILE, keyFile);
    replaceFile(storage, INDEX_FILE, encodeJson(emptyIndex()));
    replaceFile(storage, LAYOUT_FILE, encodeJson({ imageLayoutVersion: '1.0.0' }));
    return new Bank(storage, seal, unlock);
  }

  /** Throws E_NO_BANK, E_BANK_FORMAT, E_BANK_KEY, E_BANK_BUSY, E_BANK_DAMAGED (the index). */
  static open(storage: Storage, options: OpenOptions = {}): Bank {
    const { seal = openSeal, write = false } = options;
    const layout = storage.read(LAYOUT_FILE);
    if (layout === null) {
      throw new TorporError('E_NO_BANK', `there is no bank at ${storage.place}`, {
        facts: { place: storage.place },
        hint: 'name its directory with --bank, or make one with `torpor bank init`',
      });
    }
    decodingFormat(storage.place, () => checkLayout(layout));
    checkKey(storage, seal);
    if (!write) {
      const bank = new Bank(storage, seal, null);
      bank.index();
      return bank;
    }
    for (const directory of [BLOBS, TMP]) storage.makeDirectory(directory);
    const bank = new Bank(storage, seal, storage.lock(LOCK_FILE));
    try {
      bank.index();
      collectGarbage(bank);
      return bank;
    } catch (error) {
      bank.close();
      throw error;
    }
  }

  /** Gives the lock back, and the files that were kept open. */
  close(): void {
    this.#unlock?.();
    this.#unlock = null;
    this.storage.release();
  }

  get writable(): boolean {
    return this.#unlock !== null;
  }

  /** Oldest first. */
  snapshots(): SnapshotEntry[] {
    const entries = parseEntries(this.index(), (descriptor) => this.#annotationsOf(descriptor));
    return entries.toSorted((a, b) => a.createdMs - b.createdMs);
  }

  /** Those of a manifest that can be read. */
  #annotationsOf({ digest, size }: Descriptor): Descriptor['annotations'] {
    try {
      return size > MAX_MANIFEST_BYTES ? undefined : decodeManifest(this.readBlob(digest, size)).annotations;
    } catch (error) {
      if (error instanceof RangeError) return undefined;
      throw error;
    }
  }

  /**
   * By `OS@TAG`, by `OS` (its newest), or by the first 6 or more digits of its id or digest.
   * Throws E_NO_SNAPSHOT, E_BANK_DAMAGED.
   */
  find(reference: string): Snapshot {
    return this.load(findEntry(this.snapshots(), reference));
  }

  /** Throws E_SNAPSHOT_EXISTS when the bank has a snapshot OS@TAG. */
  requireNew(reference: string): void {
    if (!this.snapshots().some((entry) => entry.reference === reference)) return;
    throw new TorporError('E_SNAPSHOT_EXISTS', `the bank has a snapshot ${reference} already`, {
      facts: { reference },
      hint: 'choose another --tag, or remove that one with `torpor bank rm`',
    });
  }

  /** Reads the manifest and the description. Throws E_BANK_DAMAGED. */
  load(entry: SnapshotEntry): Snapshot {
    const manifest = this.manifest(entry);
    return { ...entry, manifest, description: readDescription(this, entry, manifest) };
  }

  /** Reads the manifest only, which needs no key. Throws E_BANK_DAMAGED. */
  manifest(entry: SnapshotEntry): Manifest {
    return decodingBlob(entry.reference, entry.digest, () => {
      if (entry.manifestBytes > MAX_MANIFEST_BYTES) throw new RangeError('a manifest above 4 MiB');
      return decodeManifest(this.readBlob(entry.digest, entry.manifestBytes));
    });
  }

  /** A small blob, whole, with its digest checked. Throws RangeError when it is another one. */
  readBlob(digest: string, sizeBytes: number): Uint8Array {
    return readWholeBlob(this.storage, digest, sizeBytes);
  }

  /** Reads pages from a frozen OS and its disks into a new snapshot. See {@link saveSnapshot}. */
  save(input: SaveInput): Promise<Saved> {
    return saveSnapshot(this, input);
  }

  /** Writes a snapshot's pages to where they belong. Verify it before. See {@link placeSnapshot}. */
  place(snapshot: Snapshot, targets: readonly RegionTarget[], onProgress?: OnProgress): Promise<void> {
    return placeSnapshot(this, snapshot, targets, onProgress);
  }

  /** Compares what is in the targets with the snapshot; free pages are not looked at. */
  check(
    snapshot: Snapshot,
    targets: readonly RegionTarget[],
    onProgress?: OnProgress,
  ): Promise<Difference[]> {
    return checkRegion(this, snapshot, targets, onProgress);
  }

  /** Reads single pages; `region` is its key (`memory`, `low`, `disk:NAME`). Throws E_NO_SNAPSHOT. */
  reader(snapshot: Snapshot, region: string): PageReader {
    return openPageReader(this, snapshot, region);
  }

  /** Writes down that a slot and disks are about to be overwritten. */
  beginRestore(snapshot: SnapshotEntry, slot: number): RestoreRecord {
    return beginRestore(this, snapshot, slot);
  }

  /** The restore is whole. */
  endRestore(): void {
    endRestore(this);
  }

  /** The restore that was begun and not ended; what it wrote to is not to be started. */
  unfinishedRestore(): RestoreRecord | null {
    return unfinishedRestore(this);
  }

  /** How often the snapshot was restored. */
  generation(snapshot: SnapshotEntry): number {
    return generationOf(this, snapshot);
  }

  /** Counts a restore: 1 for the first. Durable when it returns. */
  nextGeneration(snapshot: SnapshotEntry): number {
    return nextGeneration(this, snapshot);
  }

  /** @internal index.json as it is now. */
  index(): Index {
    const bytes = this.storage.read(INDEX_FILE);
    if (bytes === null) throw damaged(this.storage.place, INDEX_FILE, 'it is missing');
    return decodingBlob(this.storage.place, INDEX_FILE, () => decodeIndex(bytes));
  }

  /** @internal Replaces index.json: THE commit point. Blobs must be durable. */
  commit(index: Index): void {
    if (!this.writable) throw new Error('the bank is open for reading');
    replaceFile(this.storage, INDEX_FILE, encodeJson(index));
  }
}

/** An empty index alone is what a power cut may leave of a bank that was being made. */
function holdsBank(storage: Storage): boolean {
  if (storage.size(LAYOUT_FILE) !== null) return true;
  const index = storage.read(INDEX_FILE);
  return index !== null && !Buffer.from(index).equals(encodeJson(emptyIndex()));
}

function emptyIndex(): Index {
  return { schemaVersion: 2, mediaType: MEDIA_TYPE.index, manifests: [] };
}

function decodingFormat(place: string, action: () => void): void {
  try {
    action();
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new TorporError('E_BANK_FORMAT', `${place} is not a bank that this Torpor reads: ${what}`, {
      facts: { place, what },
      hint: 'name a bank with --bank',
      cause,
    });
  }
}

function checkKey(storage: Storage, seal: Seal): void {
  const encrypted = storage.size(KEY_FILE) !== null;
  if (encrypted === (seal.algorithm !== null)) return;
  throw new TorporError(
    'E_BANK_KEY',
    encrypted ? `${storage.place} is encrypted` : `${storage.place} is not encrypted, but a key was given`,
    {
      facts: { place: storage.place, encrypted },
      hint: encrypted ? 'name its key with --passphrase-file or --identity' : 'leave the key out',
    },
  );
}
