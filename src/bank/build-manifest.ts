import type { StoredBlob } from './blobs.ts';
import type { Description } from './description.ts';
import { type Manifest, MEDIA_TYPE } from './oci.ts';
import { encodeAnnotations } from './snapshot-entries.ts';

const AUTHOR = 'torpor';

/** The OCI image config that other tools read: platform, date, layers (image-spec 1.1, config.md). */
export function buildConfig(
  description: Description,
  described: StoredBlob,
  maps: readonly StoredBlob[],
): Record<string, unknown> {
  const { os, tag, createdMs, packs } = description;
  return {
    created: new Date(createdMs).toISOString(),
    author: AUTHOR,
    architecture: 'amd64',
    os: 'linux',
    config: { Labels: { 'org.torpor.os': os, 'org.torpor.tag': tag } },
    // Layers are no archives that could be unpacked further: what is stored is the content.
    rootfs: { type: 'layers', diff_ids: [described, ...maps, ...packs].map((blob) => blob.digest) },
  };
}

/** Layers: the description, a page map for each region, the packs. */
export function buildManifest(
  description: Description,
  config: StoredBlob,
  described: StoredBlob,
  maps: readonly StoredBlob[],
): Manifest {
  const layer = (mediaType: string, blob: StoredBlob) => ({
    mediaType,
    digest: blob.digest,
    size: blob.sizeBytes,
  });
  return {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.manifest,
    config: { mediaType: MEDIA_TYPE.config, digest: config.digest, size: config.sizeBytes },
    layers: [
      layer(MEDIA_TYPE.description, described),
      ...maps.map((map) => layer(MEDIA_TYPE.pageMap, map)),
      ...description.packs.map((pack) => layer(MEDIA_TYPE.pack, pack)),
    ],
    annotations: {
      ...encodeAnnotations(description),
      'org.opencontainers.image.created': new Date(description.createdMs).toISOString(),
    },
  };
}
