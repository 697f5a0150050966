import { TorporError } from '../base/errors.ts';
import {
  type Descriptor,
  type Index,
  MEDIA_TYPE,
  parseSnapshotAnnotations,
  type SnapshotAnnotations,
} from './oci.ts';
import type { SnapshotEntry } from './snapshot.ts';

/** So many digits of an id or digest say which snapshot is meant. */
const LEAST_DIGITS = 6;

/**
 * The snapshots of an index, as they stand; other tools' images are left out. `readAnnotations` is
 * asked for those of the manifest where the index has none.
 */
export function parseEntries(
  index: Index,
  readAnnotations: (descriptor: Descriptor) => Descriptor['annotations'] = () => undefined,
): SnapshotEntry[] {
  return index.manifests.flatMap(
    (descriptor) => parseEntry(descriptor) ?? parseEntry(descriptor, readAnnotations(descriptor)) ?? [],
  );
}

/**
 * Null for a descriptor that is not of a snapshot. `annotations`: those of the manifest where the
 * descriptor has none, as after a copy by skopeo.
 */
export function parseEntry(
  descriptor: Descriptor,
  annotations: Descriptor['annotations'] = descriptor.annotations,
): SnapshotEntry | null {
  if (descriptor.mediaType !== MEDIA_TYPE.manifest) return null;
  const said = parseSnapshotAnnotations(annotations);
  if (said === null) return null;
  return {
    id: said['org.torpor.id'],
    digest: descriptor.digest,
    manifestBytes: descriptor.size,
    os: said['org.torpor.os'],
    tag: said['org.torpor.tag'],
    reference: `${said['org.torpor.os']}@${said['org.torpor.tag']}`,
    note: said['org.torpor.note'],
    createdMs: Number(said['org.torpor.created']),
    parent: said['org.torpor.parent'] || null,
  };
}

/** Opposite of {@link parseEntry}. */
export function encodeEntry(entry: Omit<SnapshotEntry, 'reference'>): Descriptor {
  return {
    mediaType: MEDIA_TYPE.manifest,
    digest: entry.digest,
    size: entry.manifestBytes,
    annotations: encodeAnnotations(entry),
  };
}

/** What index and manifest say of a snapshot. */
export function encodeAnnotations(
  entry: Pick<SnapshotEntry, 'id' | 'os' | 'tag' | 'note' | 'createdMs' | 'parent'>,
): SnapshotAnnotations {
  return {
    'org.opencontainers.image.ref.name': `${entry.os}@${entry.tag}`,
    'org.torpor.id': entry.id,
    'org.torpor.os': entry.os,
    'org.torpor.tag': entry.tag,
    'org.torpor.note': entry.note,
    'org.torpor.created': String(entry.createdMs),
    'org.torpor.parent': entry.parent ?? '',
  };
}

/** By `OS@TAG`, `OS` (its newest), or the first digits of id or digest. `entries`: oldest first. Throws E_NO_SNAPSHOT. */
export function findEntry(entries: readonly SnapshotEntry[], text: string): SnapshotEntry {
  const named =
    entries.findLast((entry) => entry.reference === text) ?? entries.findLast((e) => e.os === text);
  if (named !== undefined) return named;
  const digits = text.replace(/^sha256:/, '').toLowerCase();
  const looksLikeDigits = /^[0-9a-f]+$/.test(digits) && digits.length >= LEAST_DIGITS;
  const found = looksLikeDigits
    ? entries.filter((e) => e.id.startsWith(digits) || e.digest.slice('sha256:'.length).startsWith(digits))
    : [];
  if (found.length === 1) return found[0]!;
  const several = found.length > 1;
  throw new TorporError(
    'E_NO_SNAPSHOT',
    several ? `“${text}” is the start of several snapshots` : `there is no snapshot “${text}”`,
    {
      facts: { reference: text, candidates: found.map((entry) => entry.reference) },
      hint: 'run `torpor bank ls` to see what there is',
    },
  );
}
