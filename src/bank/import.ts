import { TorporError } from '../base/errors.ts';
import type { OnProgress } from '../base/progress.ts';
import { type ArchiveContent, archiveDamaged, notAnArchive, readArchive } from './archive-files.ts';
import type { Bank } from './bank.ts';
import { syncBlobs } from './blobs.ts';
import { type Description, tagSchema } from './description.ts';
import { explainFull } from './explain-full.ts';
import { collectGarbage } from './garbage.ts';
import { indexPacks } from './index-packs.ts';
import {
  type Descriptor,
  decodeManifest,
  type Index,
  MAX_MANIFEST_BYTES,
  type Manifest,
  MEDIA_TYPE,
} from './oci.ts';
import { decodeDescription } from './read-description.ts';
import { openSeal } from './seal.ts';
import type { SnapshotEntry } from './snapshot.ts';
import { encodeEntry, parseEntry } from './snapshot-entries.ts';
import { verifySnapshot } from './verify.ts';

export interface ImportOptions {
  /** Which snapshot of an archive with several: its name there. */
  readonly reference?: string | undefined;
  /** The tag that it gets; default is its own. */
  readonly tag?: string | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/** What an import did. */
export interface Imported {
  readonly snapshot: SnapshotEntry;
  /** The bank had this snapshot already. */
  readonly known: boolean;
  readonly newBlobs: number;
  readonly newBytes: number;
  /** Blobs that were damaged in the bank and are whole now. */
  readonly healedBlobs: number;
}

/**
 * Adds the snapshot of an OCI archive to a bank that is open for writing. Blobs that are there stay; all
 * pages are verified before index.json names the snapshot, so that a power cut or a failure leaves nothing
 * that is visible, and what was added goes at the end or at the next opening for writing. Throws
 * E_BANK_FORMAT, E_BANK_DAMAGED, E_BANK_KEY, E_BANK_FULL, E_SNAPSHOT_EXISTS, E_USAGE.
 */
export async function importSnapshot(
  bank: Bank,
  chunks: AsyncIterable<Uint8Array>,
  options: ImportOptions = {},
): Promise<Imported> {
  checkTag(options.tag);
  try {
    const content = await readArchive(bank, chunks, (index) => {
      const entry = parseEntry(chooseManifest(index, options.reference));
      // What another tool has copied has no annotations; it is found out later.
      if (entry !== null) checkName(bank, { ...entry, tag: options.tag ?? entry.tag });
    });
    syncBlobs(bank.storage);
    return await addSnapshot(bank, content, options);
  } catch (error) {
    throw explainFull(bank, error, ' for the snapshot; nothing of it was kept');
  } finally {
    collectGarbage(bank);
  }
}

async function addSnapshot(bank: Bank, content: ArchiveContent, options: ImportOptions): Promise<Imported> {
  const { newBlobs, newBytes, healedBlobs } = content;
  const found = readEntry(bank, content, chooseManifest(content.index, options.reference));
  const entry = options.tag === undefined ? found : rename(found, options.tag);
  const known = checkName(bank, entry);
  if (known !== null) return { snapshot: known, known: true, newBlobs: 0, newBytes: 0, healedBlobs };
  await verifySnapshot(bank, bank.load(entry), {
    depth: 'pages',
    ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
  });
  const index = bank.index();
  bank.commit({ ...index, manifests: [...index.manifests, encodeEntry(entry)] });
  indexPacks(bank, bank.load(entry));
  return { snapshot: entry, known: false, newBlobs, newBytes, healedBlobs };
}

/** The snapshot that is meant. Throws E_BANK_FORMAT, E_USAGE. */
function chooseManifest(index: Index, reference: string | undefined): Descriptor {
  const nameOf = (of: Descriptor): string =>
    of.annotations?.['org.opencontainers.image.ref.name'] ?? of.digest;
  const all = index.manifests.filter(({ mediaType }) => mediaType === MEDIA_TYPE.manifest);
  const found = reference === undefined ? all : all.filter((descriptor) => nameOf(descriptor) === reference);
  if (found.length === 1) return found[0]!;
  if (all.length === 0) throw notAnArchive('its index names no image');
  throw new TorporError(
    'E_USAGE',
    reference === undefined ? 'the archive holds several snapshots' : `the archive holds no “${reference}”`,
    { facts: { references: all.map(nameOf) }, hint: 'name one of them with --reference' },
  );
}

/** Everything of the entry is in the description: other tools keep no annotations. */
function readEntry(bank: Bank, content: ArchiveContent, { digest, size }: Descriptor): SnapshotEntry {
  const manifest = decodingArchived('its manifest', () => {
    if (size > MAX_MANIFEST_BYTES) throw new RangeError(`it has ${size} bytes`);
    return decodeManifest(bank.readBlob(digest, size));
  });
  const { id, os, tag, note, createdMs, parent } = openDescription(bank, content, manifest);
  return { id, digest, manifestBytes: size, os, tag, reference: `${os}@${tag}`, note, createdMs, parent };
}

function openDescription(bank: Bank, content: ArchiveContent, manifest: Manifest): Description {
  const layer = manifest.layers[0]!;
  if (layer.mediaType !== MEDIA_TYPE.description)
    throw notAnArchive('it holds an image, but not of a snapshot');
  const bytes = decodingArchived('its description', () => bank.readBlob(layer.digest, layer.size));
  try {
    return decodeDescription(bank.seal, bytes);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw explainDescription(bank, content, bytes, cause);
  }
}

/** Says whether it is the key that does not fit. */
function explainDescription(
  bank: Bank,
  content: ArchiveContent,
  bytes: Uint8Array,
  cause: RangeError,
): TorporError {
  const looksPlain = bytes[0] === '{'.charCodeAt(0);
  if (bank.seal.algorithm === null) {
    if (content.key === null && looksPlain) return archiveDamaged(`its description: ${cause.message}`, cause);
    return keyError('the snapshot is encrypted, this bank is not', cause);
  }
  try {
    decodeDescription(openSeal, bytes);
  } catch {
    return keyError('the snapshot is encrypted with the key of another bank, or damaged', cause);
  }
  return new TorporError('E_BANK_KEY', 'the snapshot is not encrypted, but this bank is', {
    hint: 'import it into a bank without encryption',
    cause,
  });
}

function keyError(message: string, cause: unknown): TorporError {
  return new TorporError('E_BANK_KEY', message, {
    hint: 'make a bank with the same key: `torpor bank init --key-from ARCHIVE`',
    cause,
  });
}

/** The snapshot itself, when the bank has it. Throws E_SNAPSHOT_EXISTS when its name is another one's. */
function checkName(bank: Bank, { id, reference, os, tag }: SnapshotEntry): SnapshotEntry | null {
  const entries = bank.snapshots();
  const known = entries.find((entry) => entry.id === id);
  if (known !== undefined) return known;
  if (!entries.some((entry) => entry.os === os && entry.tag === tag)) return null;
  throw new TorporError('E_SNAPSHOT_EXISTS', `the bank has another snapshot “${os}@${tag}”`, {
    facts: { reference },
    hint: 'give the new one another tag with `--tag`',
  });
}

function rename(entry: SnapshotEntry, tag: string): SnapshotEntry {
  return { ...entry, tag, reference: `${entry.os}@${tag}` };
}

function checkTag(tag: string | undefined): void {
  const problem = tag === undefined ? undefined : tagSchema.safeParse(tag).error?.issues[0]?.message;
  if (problem === undefined) return;
  throw new TorporError('E_USAGE', `“${tag}” is no tag: ${problem}`, {
    facts: { tag: tag ?? '' },
    hint: 'give another one',
  });
}

function decodingArchived<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw cause instanceof RangeError ? archiveDamaged(`${what}: ${cause.message}`, cause) : cause;
  }
}
