import { TorporError } from '../base/errors.ts';
import { PAGE_BYTES } from '../base/units.ts';
import type { Bank } from './bank.ts';
import { PACK_PAGES, type PackEntry } from './description.ts';
import { FrameQueue } from './frame-queue.ts';
import type { NewPages } from './new-pages.ts';
import { DIGEST_BYTES, FRAME_PAGES, openPack, pageDigester } from './pack-reader.ts';
import { PackStore } from './pack-store.ts';
import { PackWriter } from './pack-writer.ts';
import type { SparsePack } from './prune-plan.ts';

/** Where the live pages of sparse packs have gone. */
export interface Moved {
  /** The new packs. A page's sequence number counts over all of them: pack = number / PACK_PAGES. */
  readonly packs: readonly PackEntry[];
  /** By the old pack's digest: the sequence number of the first live page of each of its frames. */
  readonly frameStarts: ReadonlyMap<string, { readonly live: Uint8Array; readonly starts: Uint32Array }>;
  readonly writtenBytes: number;
}

/**
 * Copies the live pages of packs, one pack after the other, into new packs. Each page is compared with its
 * digest on its way, so that no damage gets a new digest. The new packs are durable under their names
 * after `syncBlobs`. Throws DamagedPack, and errors of the storage; what was written is then garbage.
 */
export async function movePages(
  bank: Bank,
  packs: readonly SparsePack[],
  newPages: NewPages,
  onBytes: (bytes: number) => void,
): Promise<Moved> {
  const queue = new FrameQueue();
  const store = new PackStore(bank.storage, bank.seal);
  const writer = new PackWriter(bank.storage, bank.seal, queue, store);
  const frameStarts = new Map<string, { live: Uint8Array; starts: Uint32Array }>();
  try {
    for (const pack of packs) {
      const starts = new Uint32Array(PACK_PAGES / FRAME_PAGES);
      frameStarts.set(pack.digest, { live: pack.live, starts });
      const destination = { queue, writer, newPages, onBytes };
      await movePack(bank, pack, starts, destination).catch((error: unknown) => {
        throw isDamage(error) ? new DamagedPack(pack.digest, error) : error;
      });
    }
    writer.finish();
    await queue.end();
    return { packs: store.entries(), frameStarts, writtenBytes: writer.storedBytes };
  } catch (error) {
    await queue.settle();
    writer.abandon();
    throw error;
  }
}

/** A pack that cannot be read whole. */
export class DamagedPack extends Error {
  readonly digest: string;

  constructor(digest: string, cause: unknown) {
    super(`${digest} is damaged`, { cause });
    this.digest = digest;
  }
}

function isDamage(error: unknown): boolean {
  if (error instanceof RangeError) return true;
  if (!(error instanceof TorporError)) return false;
  return error.facts.call === 'read' && (error.facts.errno === 'EIO' || error.facts.errno === 'ENOENT');
}

interface Destination {
  readonly queue: FrameQueue;
  readonly writer: PackWriter;
  readonly newPages: NewPages;
  readonly onBytes: (bytes: number) => void;
}

async function movePack(bank: Bank, old: SparsePack, starts: Uint32Array, to: Destination): Promise<void> {
  const digestOf = pageDigester(bank.seal);
  const pack = openPack(bank.storage, bank.seal, old.digest);
  if (pack.trailer !== old.trailer || pack.items !== old.pages) throw new RangeError('it is another pack');
  for (let frame = 0; frame < pack.frames; frame += 1) {
    starts[frame] = to.writer.pages;
    const first = frame * FRAME_PAGES;
    const pages = Math.min(FRAME_PAGES, pack.items - first);
    if (!anyLive(old.live, first, pages)) continue;
    const bytes = Buffer.from(await pack.read(frame));
    for (let page = first; page < first + pages; page += 1) {
      if (!isLive(old.live, page)) continue;
      const offset = (page - first) * PAGE_BYTES;
      const digest = digestOf(bytes.subarray(offset, offset + PAGE_BYTES));
      const said = pack.extra.subarray(page * DIGEST_BYTES, (page + 1) * DIGEST_BYTES);
      if (!digest.equals(said)) throw new RangeError(`page ${page} has not the digest that the pack says`);
      await to.queue.room();
      to.writer.add(bytes, offset, digest);
      if (!to.newPages.find(digest)) to.newPages.add(digest, to.writer.number, to.writer.page);
      to.onBytes(PAGE_BYTES);
    }
  }
}

function isLive(live: Uint8Array, page: number): boolean {
  return ((live[page >> 3]! >> (page & 7)) & 1) === 1;
}

function anyLive(live: Uint8Array, first: number, pages: number): boolean {
  for (let page = first; page < first + pages; page += 1) if (isLive(live, page)) return true;
  return false;
}

/** The sequence number that a live page has now. */
export function movedTo(
  moved: { readonly live: Uint8Array; readonly starts: Uint32Array },
  page: number,
): number {
  const frame = Math.floor(page / FRAME_PAGES);
  let number = moved.starts[frame]!;
  for (let before = frame * FRAME_PAGES; before < page; before += 1)
    if (isLive(moved.live, before)) number += 1;
  return number;
}
