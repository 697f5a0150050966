import { randomBytes } from 'node:crypto';
import { TorporError } from '../base/errors.ts';
import { type OnProgress, ProgressMeter } from '../base/progress.ts';
import { PAGE_BYTES } from '../base/units.ts';
import type { Bank } from './bank.ts';
import { syncBlobs, writeBlob } from './blobs.ts';
import { buildConfig, buildManifest } from './build-manifest.ts';
import { type Description, descriptionSchema, factsSchema, type SnapshotFacts } from './description.ts';
import { FrameQueue } from './frame-queue.ts';
import type { FramedBlob } from './framed-writer.ts';
import { collectGarbage } from './garbage.ts';
import { restorePageIndex } from './index-packs.ts';
import { NewPages } from './new-pages.ts';
import { encodeJson, MAX_MANIFEST_BYTES } from './oci.ts';
import { PackStore } from './pack-store.ts';
import { PackWriter } from './pack-writer.ts';
import { addSegments, PageIndex } from './page-index.ts';
import { encodeDescription } from './read-description.ts';
import { type RegionSource, regionKey } from './region.ts';
import { RegionSaver } from './save-region.ts';
import type { Saved, Snapshot } from './snapshot.ts';
import { encodeEntry } from './snapshot-entries.ts';
import { markVerified } from './verified.ts';

export interface SaveInput {
  /** `parent`: id, digest or reference of the snapshot to compare with; default: the newest of the same OS. */
  readonly description: SnapshotFacts & { readonly parent?: string | null };
  /** In the order in which they are stored. */
  readonly sources: readonly RegionSource[];
  readonly onProgress?: OnProgress;
}

/** What saving the regions of one snapshot shares. */
export interface SaveContext {
  readonly bank: Bank;
  readonly queue: FrameQueue;
  readonly packs: PackStore;
  readonly packWriter: PackWriter;
  readonly newPages: NewPages;
  readonly index: PageIndex;
  readonly parent: Snapshot | null;
  readonly counts: { stored: number; zero: number; free: number; fresh: number };
  readonly stagesMs: Record<'read' | 'scan' | 'digest', number>;
  readonly meter: ProgressMeter;
}

/**
 * Reads all pages and makes a snapshot of them, durable when the promise resolves. A failure leaves
 * the bank as it was. Throws E_SNAPSHOT_EXISTS, E_BANK_FULL, E_BANK_LIMIT, and what the sources throw.
 */
export async function saveSnapshot(bank: Bank, input: SaveInput): Promise<Saved> {
  if (!bank.writable) throw new Error('the bank is open for reading');
  const { parent: parentText, ...rest } = input.description;
  const facts = factsSchema.parse(rest);
  const reference = `${facts.os}@${facts.tag}`;
  bank.requireNew(reference);
  const startMs = performance.now();
  const parent = findParent(bank, facts.os, parentText);
  const context = newContext(bank, input, parent);
  const savers: RegionSaver[] = [];
  try {
    const id = randomBytes(16).toString('hex');
    const maps: FramedBlob[] = [];
    for (const [number, source] of input.sources.entries()) {
      const saver = new RegionSaver(context, source, number);
      savers.push(saver);
      await saver.run();
      saver.finish(id, (blob) => {
        maps[number] = blob;
      });
    }
    context.packWriter.finish();
    await context.queue.end();
    const commitMs = performance.now();
    const description = descriptionSchema.parse({
      version: 1,
      id,
      parent: parent?.id ?? null,
      ...facts,
      regions: input.sources.map((source) => source.region),
      pageMaps: maps.map((map) => map.digest),
      packs: context.packs.entries(),
      pages: { stored: context.counts.stored, zero: context.counts.zero, free: context.counts.free },
    });
    const { digest, bytes } = commitSnapshot(bank, description, maps);
    const segments = context.newPages.takeSegments();
    addSegments(
      bank.storage,
      segments,
      description.packs.map((pack) => pack.digest),
    );
    const endMs = performance.now();
    context.meter.finish();
    const { counts, queue, packWriter } = context;
    return {
      id,
      digest,
      reference,
      readBytes: (counts.stored + counts.zero) * PAGE_BYTES,
      storedBytes: packWriter.storedBytes + bytes,
      newBytes: counts.fresh * PAGE_BYTES,
      sharedBytes: (counts.stored - counts.fresh) * PAGE_BYTES,
      zeroBytes: counts.zero * PAGE_BYTES,
      freeBytes: counts.free * PAGE_BYTES,
      stagesMs: {
        ...context.stagesMs,
        compress: queue.waitMs,
        write: queue.writeMs,
        commit: endMs - commitMs,
      },
      totalMs: endMs - startMs,
    };
  } catch (error) {
    await context.queue.settle();
    giveUp(bank, context, savers);
    throw explain(bank, error);
  }
}

/** Writes description, config and manifest, makes all blobs durable, and names the snapshot in the index. */
function commitSnapshot(
  bank: Bank,
  description: Description,
  maps: readonly FramedBlob[],
): { digest: string; bytes: number } {
  const { storage, seal } = bank;
  const described = writeBlob(storage, 'description', encodeDescription(seal, description));
  const config = writeBlob(storage, 'config', encodeJson(buildConfig(description, described, maps)));
  const manifestBytes = encodeJson(buildManifest(description, config, described, maps));
  if (manifestBytes.length > MAX_MANIFEST_BYTES) throw new RangeError('the manifest is above 4 MiB');
  const manifest = writeBlob(storage, 'manifest', manifestBytes);
  syncBlobs(storage);
  const { id, os, tag, note, createdMs, parent } = description;
  const index = bank.index();
  const entry = {
    id,
    os,
    tag,
    note,
    createdMs,
    parent,
    digest: manifest.digest,
    manifestBytes: manifest.sizeBytes,
  };
  bank.commit({ ...index, manifests: [...index.manifests, encodeEntry(entry)] });
  markVerified(bank, { id, digest: manifest.digest });
  const small = described.sizeBytes + config.sizeBytes + manifest.sizeBytes;
  return { digest: manifest.digest, bytes: small + maps.reduce((sum, map) => sum + map.sizeBytes, 0) };
}

function newContext(bank: Bank, input: SaveInput, parent: Snapshot | null): SaveContext {
  const keys = input.sources.map((source) => regionKey(source.region));
  if (new Set(keys).size !== keys.length) throw new Error('two sources have one name');
  const { storage, seal } = bank;
  restorePageIndex(bank);
  const queue = new FrameQueue();
  const packs = new PackStore(storage, seal);
  const pages = input.sources.reduce((sum, source) => sum + source.region.pages, 0);
  return {
    bank,
    queue,
    packs,
    packWriter: new PackWriter(storage, seal, queue, packs),
    newPages: new NewPages(storage),
    index: new PageIndex(storage, packs),
    parent,
    counts: { stored: 0, zero: 0, free: 0, fresh: 0 },
    stagesMs: { read: 0, scan: 0, digest: 0 },
    meter: new ProgressMeter('save', pages * PAGE_BYTES, input.onProgress),
  };
}

/** A parent that cannot be read is no parent: the new snapshot does not need it. */
function findParent(bank: Bank, os: string, text: string | null | undefined): Snapshot | null {
  if (text === null) return null;
  try {
    return bank.find(text ?? os);
  } catch (error) {
    const forgivable =
      error instanceof TorporError &&
      error.code === (text === undefined ? 'E_NO_SNAPSHOT' : 'E_BANK_DAMAGED');
    if (forgivable || (error instanceof TorporError && error.code === 'E_BANK_DAMAGED')) return null;
    throw error;
  }
}

/** Removes what was written so far, as far as the storage lets it; the next open for writing does the rest. */
function giveUp(bank: Bank, context: SaveContext, savers: readonly RegionSaver[]): void {
  try {
    for (const part of [context.packWriter, context.newPages, ...savers]) part.abandon();
    collectGarbage(bank);
  } catch (error) {
    if (!(error instanceof TorporError)) throw error;
  }
}

function explain(bank: Bank, error: unknown): unknown {
  if (error instanceof RangeError) {
    return new TorporError('E_BANK_LIMIT', `the snapshot does not fit the format: ${error.message}`, {
      facts: { what: error.message },
      hint: 'docs/formats/bank.md lists the limits',
      cause: error,
    });
  }
  if (!(error instanceof TorporError && error.facts.errno === 'ENOSPC')) return error;
  const { place } = bank.storage;
  return new TorporError('E_BANK_FULL', `${place} has no room for the snapshot; nothing of it was kept`, {
    facts: { place, freeBytes: bank.storage.freeBytes() },
    hint: 'remove snapshots with `torpor bank rm`, then run `torpor bank prune`',
    cause: error,
  });
}
