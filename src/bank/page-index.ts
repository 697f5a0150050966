import { TorporError } from '../base/errors.ts';
import type { Storage } from '../sys/storage.ts';
import { blobPath } from './blobs.ts';
import type { PackStore } from './pack-store.ts';
import { readSegmentPacks, SegmentReader } from './segment-reader.ts';
import { SegmentWriter } from './segment-writer.ts';

export const INDEX_DIRECTORY = 'torpor/index';

interface Segment {
  readonly path: string;
  readonly reader: SegmentReader;
  readonly packs: readonly string[];
}

/** Finds pages of the bank by their digest. A segment that is not as it was written is passed over. */
export class PageIndex {
  /** Where the digest that was found last is: number in the PackStore, page. */
  pack = 0;
  page = 0;
  #segments: Segment[];
  readonly #packs: PackStore;

  constructor(storage: Storage, packs: PackStore) {
    this.#packs = packs;
    this.#segments = openSegments(storage);
  }

  find(digest: Buffer): boolean {
    for (const segment of this.#segments) {
      if (!this.#isIn(segment, digest)) continue;
      const number = this.#packs.useDigest(segment.packs[segment.reader.pack] ?? '');
      if (number < 0) continue;
      this.pack = number;
      this.page = segment.reader.page;
      return true;
    }
    return false;
  }

  #isIn(segment: Segment, digest: Buffer): boolean {
    try {
      return segment.reader.find(digest);
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.#segments = this.#segments.filter((other) => other !== segment);
      return false;
    }
  }
}

/**
 * Gives segments that a save has written their names, then merges segments until each is at least
 * twice as large as the next younger one: each entry is copied a few times in the bank's life, and
 * there are few segments. It is a cache: a full disk makes it incomplete, nothing else.
 */
export function addSegments(
  storage: Storage,
  writers: readonly SegmentWriter[],
  packs: readonly string[],
): void {
  try {
    storage.makeDirectory(INDEX_DIRECTORY);
    for (const writer of writers) writer.finish(packs, nextPath(storage));
    mergeSegments(storage);
    storage.syncDirectory(INDEX_DIRECTORY);
  } catch (error) {
    if (!(error instanceof TorporError && error.code === 'E_SYSCALL')) throw error;
    for (const writer of writers) writer.abandon();
  }
}

/** Oldest first; those that cannot be read are removed when the next one is written. */
function openSegments(storage: Storage): Segment[] {
  return storage.list(INDEX_DIRECTORY).flatMap((name) => {
    const path = `${INDEX_DIRECTORY}/${name}`;
    try {
      const { entries, packs } = readSegmentPacks(storage, path);
      return [{ path, packs, reader: new SegmentReader(storage, path, entries) }];
    } catch (error) {
      if (!isDamage(error)) throw error;
      return [];
    }
  });
}

function mergeSegments(storage: Storage): void {
  const whole = openSegments(storage);
  const known = new Set(whole.map((segment) => segment.path));
  for (const name of storage.list(INDEX_DIRECTORY)) {
    if (!known.has(`${INDEX_DIRECTORY}/${name}`)) storage.remove(`${INDEX_DIRECTORY}/${name}`);
  }
  let from = whole.length - 1;
  let entries = whole[from]?.reader.entries ?? 0;
  while (from > 0 && whole[from - 1]!.reader.entries < 2 * entries) {
    from -= 1;
    entries += whole[from]!.reader.entries;
  }
  const merged = whole.slice(from);
  if (merged.length < 2) return;
  const writer = new SegmentWriter(storage, 'merged');
  try {
    const packs = mergeInto(storage, writer, merged);
    writer.finish(packs, nextPath(storage));
  } catch (error) {
    writer.abandon();
    if (!isDamage(error)) throw error;
  }
  for (const { path } of merged) storage.remove(path);
}

/** The younger of two entries with one digest stays; packs that are gone are left out. Returns the packs of what was written. */
function mergeInto(storage: Storage, writer: SegmentWriter, segments: readonly Segment[]): string[] {
  const packs: string[] = [];
  const numbers = new Map<string, number>();
  const inputs = segments.map((segment) => {
    const entries = segment.reader.read();
    return { segment, entries, next: entries.next() };
  });
  for (;;) {
    let least: (typeof inputs)[number] | null = null;
    for (const input of inputs) {
      if (input.next.done) continue;
      const order = least === null ? -1 : compareEntries(input.next.value, least.next.value!);
      if (order === 0) least!.next = least!.entries.next();
      if (order <= 0) least = input;
    }
    if (least === null) break;
    const { bytes, offset, pack, page } = least.next.value!;
    const digest = least.segment.packs[pack] ?? '';
    let number = numbers.get(digest);
    if (number === undefined) {
      number = digest !== '' && storage.size(blobPath(digest)) !== null ? packs.push(digest) - 1 : -1;
      numbers.set(digest, number);
    }
    if (number >= 0) writer.add(bytes, offset, number, page);
    least.next = least.entries.next();
  }
  writer.endEntries();
  return packs;
}

type Entry = { readonly bytes: Buffer; readonly offset: number };

function compareEntries(a: Entry, b: Entry): number {
  return a.bytes.compare(b.bytes, b.offset, b.offset + 32, a.offset, a.offset + 32);
}

function nextPath(storage: Storage): string {
  const last = Number(storage.list(INDEX_DIRECTORY).at(-1)?.slice(0, 10) ?? 0);
  return `${INDEX_DIRECTORY}/${String(last + 1).padStart(10, '0')}`;
}

function isDamage(error: unknown): boolean {
  return error instanceof RangeError || (error instanceof TorporError && error.code === 'E_SYSCALL');
}
