import { createHash } from 'node:crypto';
import { type OnProgress, ProgressMeter } from '../base/progress.ts';
import { MIB } from '../base/units.ts';
import { type Bank, KEY_FILE } from './bank.ts';
import { blobPath } from './blobs.ts';
import { damaged, decodingBlob } from './damage.ts';
import { type Descriptor, encodeJson, MEDIA_TYPE } from './oci.ts';
import type { SnapshotEntry } from './snapshot.ts';
import { encodeEntry } from './snapshot-entries.ts';
import { packTar, type TarFile } from './tar.ts';

/** A snapshot that is to become an OCI archive. */
export interface ExportPlan {
  readonly snapshot: SnapshotEntry;
  readonly blobs: readonly Pick<Descriptor, 'digest' | 'size'>[];
  readonly bytes: number;
}

/** Finds out what goes into the archive. Throws E_BANK_DAMAGED: a blob is missing or of another size. */
export function planExport(bank: Bank, snapshot: SnapshotEntry): ExportPlan {
  const { config, layers } = bank.manifest(snapshot);
  const manifest = { digest: snapshot.digest, size: snapshot.manifestBytes };
  const blobs = new Map([manifest, config, ...layers].map(({ digest, size }) => [digest, { digest, size }]));
  for (const { digest, size } of blobs.values()) {
    const found = bank.storage.size(blobPath(digest));
    if (found === null) throw damaged(snapshot.reference, digest, 'it is missing');
    if (found !== size) throw damaged(snapshot.reference, digest, `it has ${found} bytes instead of ${size}`);
  }
  const bytes = blobs.values().reduce((sum, { size }) => sum + size, 0);
  return { snapshot, blobs: [...blobs.values()], bytes };
}

/**
 * The bytes of an OCI archive (docs/decisions/0012-oci-archives.md): one chunk at a time, the same for the
 * same snapshot. Every blob is hashed on its way; ends with E_BANK_DAMAGED when one has changed.
 */
export function exportSnapshot(
  bank: Bank,
  plan: ExportPlan,
  onProgress?: OnProgress,
): AsyncIterable<Uint8Array> {
  return packTar(archiveFiles(bank, plan, onProgress));
}

/** The small files first: whoever imports knows at once what it is. */
function* archiveFiles(bank: Bank, plan: ExportPlan, onProgress?: OnProgress): Generator<TarFile> {
  const meter = new ProgressMeter('export', plan.bytes, onProgress);
  yield fileOf('oci-layout', encodeJson({ imageLayoutVersion: '1.0.0' }));
  const manifests = [encodeEntry(plan.snapshot)];
  yield fileOf('index.json', encodeJson({ schemaVersion: 2, mediaType: MEDIA_TYPE.index, manifests }));
  const key = bank.storage.read(KEY_FILE);
  if (key !== null) yield fileOf(KEY_FILE, key);
  for (const { digest, size } of plan.blobs) {
    yield { name: blobPath(digest), sizeBytes: size, content: readBlob(bank, plan, digest, size, meter) };
  }
  meter.finish();
}

function* readBlob(
  bank: Bank,
  { snapshot }: ExportPlan,
  digest: string,
  sizeBytes: number,
  meter: ProgressMeter,
): Generator<Uint8Array> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(Math.min(MIB, sizeBytes));
  for (let offset = 0; offset < sizeBytes; offset += buffer.length) {
    const chunk = buffer.subarray(0, Math.min(buffer.length, sizeBytes - offset));
    decodingBlob(snapshot.reference, digest, () => {
      if (bank.storage.readAt(blobPath(digest), offset, chunk) !== chunk.length)
        throw new RangeError('it is cut short');
    });
    hash.update(chunk);
    // The last chunk is given only when all of the blob is what it should be.
    if (offset + chunk.length === sizeBytes && `sha256:${hash.digest('hex')}` !== digest) {
      throw damaged(snapshot.reference, digest, 'its content has changed');
    }
    yield chunk;
    meter.add(chunk.length);
  }
}

function fileOf(name: string, bytes: Uint8Array): TarFile {
  return { name, sizeBytes: bytes.length, content: [bytes] };
}
