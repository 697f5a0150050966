import type { Bank } from './bank.ts';
import { writeBlob } from './blobs.ts';
import { buildConfig, buildManifest } from './build-manifest.ts';
import { type Description, MAX_PACKS, PACK_PAGES, type PackEntry } from './description.ts';
import { FrameQueue } from './frame-queue.ts';
import type { FramedBlob } from './framed-writer.ts';
import { encodeJson, MAX_MANIFEST_BYTES } from './oci.ts';
import { PageMap } from './page-map-reader.ts';
import { PageMapWriter } from './page-map-writer.ts';
import { PAGE_STATE, RUN_WORDS, runCount, runState } from './page-run.ts';
import { encodeDescription } from './read-description.ts';
import type { Region } from './region.ts';
import { type Moved, movedTo } from './repack.ts';
import type { Snapshot, SnapshotEntry } from './snapshot.ts';

/**
 * Writes page maps, description, config and manifest of a snapshot that say where its pages are now. Id,
 * name and pages stay; the digest is new. Nothing is visible until the entry is in index.json. Throws
 * E_BANK_DAMAGED, RangeError (too many packs), and errors of the storage.
 */
export async function rewriteSnapshot(bank: Bank, snapshot: Snapshot, moved: Moved): Promise<SnapshotEntry> {
  const { storage, seal } = bank;
  const packs = new PackNumbers(snapshot.description.packs, moved);
  const maps: FramedBlob[] = [];
  for (const number of snapshot.description.regions.keys())
    maps.push(await rewriteMap(bank, snapshot, number, packs));
  const pageMaps = maps.map(({ digest }) => digest);
  const description: Description = { ...snapshot.description, pageMaps, packs: packs.entries };
  const described = writeBlob(storage, 'description', encodeDescription(seal, description));
  const config = writeBlob(storage, 'config', encodeJson(buildConfig(description, described, maps)));
  const bytes = encodeJson(buildManifest(description, config, described, maps));
  if (bytes.length > MAX_MANIFEST_BYTES) throw new RangeError('the manifest is above 4 MiB');
  const manifest = writeBlob(storage, 'manifest', bytes);
  const { id, os, tag, reference, note, createdMs, parent } = snapshot;
  const { digest, sizeBytes: manifestBytes } = manifest;
  return { id, os, tag, reference, note, createdMs, parent, digest, manifestBytes };
}

async function rewriteMap(
  bank: Bank,
  snapshot: Snapshot,
  number: number,
  packs: PackNumbers,
): Promise<FramedBlob> {
  const old = new PageMap(bank, snapshot, number);
  const queue = new FrameQueue();
  const writer = new PageMapWriter(bank.storage, bank.seal, queue, `map-${number}`, old.region as Region);
  let written: FramedBlob | null = null;
  try {
    for (let frame = 0; frame < old.frames; frame += 1) {
      const { words, runs } = await old.read(frame);
      await queue.room();
      for (let at = 0; at < runs * RUN_WORDS; at += RUN_WORDS) {
        const [state, count] = [runState(words[at]!), runCount(words[at]!)];
        if (state !== PAGE_STATE.stored) writer.add(state, count);
        else
          packs.place(words[at + 1]!, words[at + 2]!, count, (pack, first, part) =>
            writer.add(state, part, pack, first),
          );
      }
    }
    writer.finish((blob) => {
      written = blob;
    });
    await queue.end();
    return written!;
  } catch (error) {
    await queue.settle();
    writer.abandon();
    throw error;
  }
}

/** Numbers the packs that the snapshot needs now, in the order in which its pages lead to them. */
class PackNumbers {
  readonly entries: PackEntry[] = [];
  readonly #old: readonly PackEntry[];
  readonly #moved: Moved;
  readonly #numbers = new Map<string, number>();

  constructor(old: readonly PackEntry[], moved: Moved) {
    this.#old = old;
    this.#moved = moved;
  }

  /** A run's pages are all live, so that they stand one behind the other in their new packs too. */
  place(
    pack: number,
    first: number,
    count: number,
    to: (pack: number, first: number, count: number) => void,
  ): void {
    const old = this.#old[pack]!;
    const moved = this.#moved.frameStarts.get(old.digest);
    if (moved === undefined) {
      to(this.#number(old), first, count);
      return;
    }
    let sequence = movedTo(moved, first);
    for (let left = count; left > 0; ) {
      const page = sequence % PACK_PAGES;
      const part = Math.min(left, PACK_PAGES - page);
      to(this.#number(this.#moved.packs[Math.floor(sequence / PACK_PAGES)]!), page, part);
      sequence += part;
      left -= part;
    }
  }

  #number(entry: PackEntry): number {
    const known = this.#numbers.get(entry.digest);
    if (known !== undefined) return known;
    if (this.entries.length >= MAX_PACKS) throw new RangeError(`more than ${MAX_PACKS} packs`);
    this.entries.push(entry);
    this.#numbers.set(entry.digest, this.entries.length - 1);
    return this.entries.length - 1;
  }
}
