import * as z from 'zod';
import {
  digestSchema,
  MAX_PACKS,
  MAX_REGIONS,
  osNameSchema,
  snapshotIdSchema,
  tagSchema,
} from './description.ts';

/** OCI image-spec 1.1: image-layout.md, image-index.md, manifest.md, config.md. */
export const MEDIA_TYPE = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  description: 'application/vnd.torpor.description.v1+json',
  pageMap: 'application/vnd.torpor.pagemap.v1',
  pack: 'application/vnd.torpor.pack.v1',
} as const;

/** Registries refuse manifests above 4 MiB (distribution-spec 1.1, “Pushing manifests”). */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
export const MAX_INDEX_BYTES = 64 * 1024 * 1024;
const MAX_BLOB_BYTES = 2 ** 40;
const MAX_SNAPSHOTS = 100_000;

const annotations = z.record(z.string().max(256), z.string().max(8192));
const descriptor = z.object({
  mediaType: z.string().max(256),
  digest: digestSchema,
  size: z.int().min(0).max(MAX_BLOB_BYTES),
  annotations: annotations.optional(),
});

const manifestSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.literal(MEDIA_TYPE.manifest),
  config: descriptor.extend({ mediaType: z.literal(MEDIA_TYPE.config) }),
  layers: z
    .array(descriptor)
    .min(1)
    .max(1 + MAX_REGIONS + MAX_PACKS),
  annotations: annotations.optional(),
});

const indexSchema = z.object({
  schemaVersion: z.literal(2),
  // skopeo leaves it out.
  mediaType: z.literal(MEDIA_TYPE.index).optional(),
  manifests: z.array(descriptor).max(MAX_SNAPSHOTS),
  annotations: annotations.optional(),
});

const layoutSchema = z.object({ imageLayoutVersion: z.string().regex(/^1\.\d+\.\d+$/) });

/** The annotations of a snapshot, in index.json and in its manifest. */
const snapshotAnnotations = z.object({
  'org.opencontainers.image.ref.name': z.string().max(256),
  'org.torpor.id': snapshotIdSchema,
  'org.torpor.os': osNameSchema,
  'org.torpor.tag': tagSchema,
  'org.torpor.note': z.string().max(4096),
  'org.torpor.created': z.string().regex(/^\d{1,16}$/),
  'org.torpor.parent': snapshotIdSchema.or(z.literal('')),
});

export type Descriptor = z.infer<typeof descriptor>;
export type Manifest = z.infer<typeof manifestSchema>;
export type Index = z.infer<typeof indexSchema>;
export type SnapshotAnnotations = z.infer<typeof snapshotAnnotations>;

/** Throws RangeError for what is not a manifest of a snapshot's shape. */
export function decodeManifest(bytes: Uint8Array): Manifest {
  if (bytes.length > MAX_MANIFEST_BYTES) throw new RangeError(`a manifest of ${bytes.length} bytes`);
  return decodeJson(manifestSchema, bytes);
}

/** Throws RangeError. Entries that are no snapshots of Torpor are allowed: other tools' images may be there. */
export function decodeIndex(bytes: Uint8Array): Index {
  if (bytes.length > MAX_INDEX_BYTES) throw new RangeError(`an index of ${bytes.length} bytes`);
  return decodeJson(indexSchema, bytes);
}

/** Throws RangeError when it is no OCI image layout of version 1. */
export function checkLayout(bytes: Uint8Array): void {
  decodeJson(layoutSchema, bytes);
}

/** Null when they are not those of a snapshot. */
export function parseSnapshotAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
): SnapshotAnnotations | null {
  return snapshotAnnotations.safeParse(annotations).data ?? null;
}

/** The same value always gives the same bytes: keys keep the order in which they were built. */
export function encodeJson(value: unknown): Uint8Array {
  return Buffer.from(`${JSON.stringify(value)}\n`);
}

/** JSON in UTF-8, checked. Throws RangeError with the place and reason of the first problem. */
export function decodeJson<T extends z.ZodType>(schema: T, bytes: Uint8Array): z.output<T> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new RangeError(`not JSON: ${cause instanceof Error ? cause.message : cause}`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new RangeError(`${issue?.path.join('.') || 'value'}: ${issue?.message ?? 'not valid'}`);
}
