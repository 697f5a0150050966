import { createHash } from 'node:crypto';
import { TorporError } from '../base/errors.ts';
import { KIB, MIB } from '../base/units.ts';
import type { Storage } from '../sys/storage.ts';
import { type Bank, KEY_FILE } from './bank.ts';
import { BlobWriter, blobPath } from './blobs.ts';
import { checkLayout, decodeIndex, type Index } from './oci.ts';
import { readTar, type TarEntry } from './tar.ts';

const BLOB_NAME = /^blobs\/sha256\/([0-9a-f]{64})$/;
const DIRECTORIES: ReadonlySet<string> = new Set(['', 'blobs', 'blobs/sha256', 'torpor']);
/** The small files that may be in an archive, and how large each may be. */
const SMALL_FILES: ReadonlyMap<string, number> = new Map([
  ['oci-layout', 4 * KIB],
  ['index.json', 4 * MIB],
  [KEY_FILE, 64 * KIB],
]);

/** What an archive held. Its blobs are in the bank; nothing refers to them yet. */
export interface ArchiveContent {
  readonly index: Index;
  /** torpor/key.age of the bank that it came from. */
  readonly key: Uint8Array | null;
  readonly newBlobs: number;
  readonly newBytes: number;
  /** Blobs that were damaged in the bank and are whole now. */
  readonly healedBlobs: number;
}

/**
 * Reads an OCI archive into a bank that is open for writing: each blob is hashed on its way and is added
 * under its digest, unless it is there and whole. `onIndex` sees the index as soon as it is read and may
 * refuse. Throws E_BANK_FORMAT for what is no such archive, E_BANK_DAMAGED for a blob that is not its
 * name's.
 */
export async function readArchive(
  bank: Bank,
  chunks: AsyncIterable<Uint8Array>,
  onIndex: (index: Index) => void,
): Promise<ArchiveContent> {
  const small = new Map<string, Uint8Array>();
  let [newBlobs, newBytes, healedBlobs] = [0, 0, 0];
  let index: Index | null = null;
  for await (const entry of decodingArchive(chunks)) {
    const name = entry.name.replace(/^\.\//, '').replace(/\/+$/, '').replace(/^\.$/, '');
    if (entry.type === 'directory' && DIRECTORIES.has(name)) continue;
    if (entry.type !== 'file' && entry.type !== 'contiguous-file') {
      throw notAnArchive(`it holds ${quote(entry.name)}, a ${entry.type ?? 'file of an unknown kind'}`);
    }
    const hex = BLOB_NAME.exec(name)?.[1];
    if (hex === undefined) {
      small.set(name, await readSmall(entry, name));
      if (name === 'index.json') {
        index = decodingIndex(small.get(name)!);
        onIndex(index);
      }
      continue;
    }
    const added = await addBlob(bank.storage, `sha256:${hex}`, entry);
    if (added === 'new') [newBlobs, newBytes] = [newBlobs + 1, newBytes + entry.sizeBytes];
    if (added === 'healed') healedBlobs += 1;
  }
  const layout = small.get('oci-layout');
  if (layout === undefined || index === null) throw notAnArchive('it has no oci-layout or no index.json');
  decodingFile('oci-layout', () => checkLayout(layout));
  return { index, key: small.get(KEY_FILE) ?? null, newBlobs, newBytes, healedBlobs };
}

/** The key file of an archive that came from an encrypted bank, or null. Throws E_BANK_FORMAT. */
export async function readArchiveKey(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array | null> {
  for await (const entry of decodingArchive(chunks)) {
    if (entry.name === KEY_FILE && entry.type === 'file') return await readSmall(entry, KEY_FILE);
    // An export has it before all blobs.
    if (BLOB_NAME.test(entry.name)) break;
  }
  return null;
}

async function* decodingArchive(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  try {
    yield* readTar(chunks);
  } catch (cause) {
    throw cause instanceof RangeError ? notAnArchive(cause.message, cause) : cause;
  }
}

async function readSmall(entry: TarEntry, name: string): Promise<Uint8Array> {
  const most = SMALL_FILES.get(name);
  if (most === undefined) throw notAnArchive(`it holds ${quote(entry.name)}, which is no part of a snapshot`);
  if (entry.sizeBytes > most) throw notAnArchive(`its ${name} has ${entry.sizeBytes} bytes`);
  return Buffer.concat(await Array.fromAsync(readContent(entry)));
}

async function addBlob(
  storage: Storage,
  digest: string,
  entry: TarEntry,
): Promise<'new' | 'healed' | 'there'> {
  const sizeBytes = storage.size(blobPath(digest));
  if (sizeBytes !== null && hashBlob(storage, digest, sizeBytes) === digest) return 'there';
  const writer = new BlobWriter(storage, `import-${digest.slice('sha256:'.length)}`);
  let stored: { readonly digest: string };
  try {
    for await (const chunk of readContent(entry)) writer.append(chunk);
    stored = writer.finish();
  } catch (error) {
    writer.abandon();
    throw error;
  }
  if (stored.digest === digest) return sizeBytes === null ? 'new' : 'healed';
  throw archiveDamaged(`the content of ${digest} has changed`);
}

async function* readContent(entry: TarEntry): AsyncGenerator<Uint8Array> {
  try {
    yield* entry.content;
  } catch (cause) {
    throw cause instanceof RangeError ? notAnArchive(cause.message, cause) : cause;
  }
}

/** Null when it cannot be read. */
function hashBlob(storage: Storage, digest: string, sizeBytes: number): string | null {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(MIB);
  try {
    for (let offset = 0; offset < sizeBytes; ) {
      const read = storage.readAt(blobPath(digest), offset, buffer);
      if (read === 0) return null;
      hash.update(buffer.subarray(0, read));
      offset += read;
    }
  } catch (error) {
    if (error instanceof TorporError && error.code === 'E_SYSCALL') return null;
    throw error;
  }
  return `sha256:${hash.digest('hex')}`;
}

function decodingIndex(bytes: Uint8Array): Index {
  return decodingFile('index.json', () => decodeIndex(bytes));
}

function decodingFile<T>(name: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw cause instanceof RangeError ? notAnArchive(`${name}: ${cause.message}`, cause) : cause;
  }
}

/** A name from outside, printable and not too long. */
function quote(name: string): string {
  return JSON.stringify(name.slice(0, 200));
}

export function notAnArchive(what: string, cause?: unknown): TorporError {
  return new TorporError('E_BANK_FORMAT', `this is no archive of a snapshot: ${what}`, {
    facts: { what },
    hint: '`torpor bank export` makes one',
    cause,
  });
}

export function archiveDamaged(what: string, cause?: unknown): TorporError {
  return new TorporError('E_BANK_DAMAGED', `the archive is damaged: ${what}`, {
    facts: { what },
    hint: 'make it again with `torpor bank export`, or copy it again',
    cause,
  });
}
