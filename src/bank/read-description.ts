import type { Bank } from './bank.ts';
import { damaged, decodingBlob } from './damage.ts';
import { type Description, descriptionSchema } from './description.ts';
import { type Descriptor, decodeJson, encodeJson, type Manifest, MEDIA_TYPE } from './oci.ts';
import { regionKey } from './region.ts';
import { SALT_BYTES, type Seal } from './seal.ts';
import type { SnapshotEntry } from './snapshot.ts';

/** 4096 packs are below 1 MiB of JSON. */
const MAX_DESCRIPTION_BYTES = 4 * 1024 * 1024;

/** The blob of a description: a salt, then the sealed JSON; without encryption the JSON alone, for other tools. */
export function encodeDescription(seal: Seal, description: Description): Uint8Array {
  const json = encodeJson(description);
  if (seal.algorithm === null) return json;
  const salt = seal.newSalt();
  return Buffer.concat([salt, seal.seal('description', salt, 0, json)]);
}

/** Opposite of {@link encodeDescription}. Throws RangeError. */
export function decodeDescription(seal: Seal, bytes: Uint8Array): Description {
  const json =
    seal.algorithm === null
      ? bytes
      : seal.open('description', bytes.subarray(0, SALT_BYTES), 0, bytes.subarray(SALT_BYTES));
  return decodeJson(descriptionSchema, json);
}

/** Reads and checks a snapshot's description against its manifest and its entry. Throws E_BANK_DAMAGED. */
export function readDescription(bank: Bank, entry: SnapshotEntry, manifest: Manifest): Description {
  const layer = manifest.layers[0]!;
  if (layer.mediaType !== MEDIA_TYPE.description) {
    throw damaged(entry.reference, entry.digest, 'the first layer is no description');
  }
  return decodingBlob(entry.reference, layer.digest, () => {
    if (layer.size > MAX_DESCRIPTION_BYTES) throw new RangeError(`a description of ${layer.size} bytes`);
    const description = decodeDescription(bank.seal, bank.readBlob(layer.digest, layer.size));
    checkAgainst(description, entry, manifest);
    return description;
  });
}

/** The page maps' descriptors, in the order of the description's regions. */
export function pageMapLayers(manifest: Manifest): Descriptor[] {
  return manifest.layers.filter((layer) => layer.mediaType === MEDIA_TYPE.pageMap);
}

/** The packs' descriptors, in the order of the description's packs. */
export function packLayers(manifest: Manifest): Descriptor[] {
  return manifest.layers.filter((layer) => layer.mediaType === MEDIA_TYPE.pack);
}

function checkAgainst(description: Description, entry: SnapshotEntry, manifest: Manifest): void {
  if (description.id !== entry.id) throw new RangeError('it is of another snapshot');
  if (description.os !== entry.os) throw new RangeError(`it is of another OS, ${description.os}`);
  const keys = description.regions.map(regionKey);
  if (new Set(keys).size !== keys.length) throw new RangeError('two regions have one name');
  const { memory, low } = description.machine.slot;
  for (const region of description.regions) {
    if (region.kind !== 'memory') continue;
    const range = region.name === 'memory' ? memory : low;
    if (range === null || region.start < range.start || region.start + region.pages * 4096 > range.end) {
      throw new RangeError(`the region ${region.name} is outside its slot`);
    }
  }
  const maps = pageMapLayers(manifest).map((layer) => layer.digest);
  if (maps.length !== description.regions.length) {
    throw new RangeError('there is not one page map for each region');
  }
  if (maps.join() !== description.pageMaps.join()) {
    throw new RangeError('the page maps are not those of the manifest');
  }
  const packs = packLayers(manifest);
  const same =
    packs.length === description.packs.length &&
    description.packs.every(
      (pack, index) => pack.digest === packs[index]!.digest && pack.sizeBytes === packs[index]!.size,
    );
  if (!same) throw new RangeError('the packs are not those of the manifest');
  if (manifest.layers.length !== 1 + description.regions.length + packs.length) {
    throw new RangeError('there are layers that nothing needs');
  }
}
