import { PAGE_BYTES, type PhysAddr } from '../base/units.ts';
import type { Bank } from './bank.ts';
import type { SnapshotFacts } from './description.ts';
import type { Region, RegionSource, RegionTarget } from './region.ts';
import type { Saved, Snapshot } from './snapshot.ts';

/** Where the slot of all these snapshots begins. */
export const SLOT_START = 0x1000_0000;

/** A page of that number: the same for the same number; 0 is a zero page, null a free one. */
export type PageContent = number | null;

/** What is frozen: pages of memory, and of one disk. */
export interface FrozenContent {
  readonly memory: readonly PageContent[];
  readonly disk?: readonly PageContent[];
}

export function pageOf(content: number): Uint8Array {
  const page = Buffer.alloc(PAGE_BYTES);
  if (content === 0) return page;
  // Not compressible, so that damage in a pack is damage in a page.
  let state = content >>> 0;
  for (let at = 0; at < PAGE_BYTES; at += 4) {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    page.writeUInt32LE(state, at);
  }
  return page;
}

export function factsOf(os: string, tag: string, memoryPages: number, createdMs = 1000): SnapshotFacts {
  const memory = { start: SLOT_START, end: SLOT_START + memoryPages * PAGE_BYTES };
  return {
    os,
    tag,
    note: `a note on ${tag}`,
    createdMs,
    engine: 'resident',
    machine: {
      firmwareMap: [{ start: 0, end: 0x4000_0000, type: 'System RAM' }],
      switchboard: 0x800_0000,
      slot: { index: 1, memory, low: null },
      cpu: { vendor: 'GenuineIntel', model: 'a model', flags: ['fpu', 'sse2'], la57: false, processors: 2 },
    },
    kernel: {
      release: '6.12.5',
      bootId: 'c0ffee00-0000-4000-8000-000000000000',
      commandLine: 'root=/dev/vda quiet',
      entry: SLOT_START,
      stub: SLOT_START + PAGE_BYTES,
      vmcoreinfo: null,
      freePages: 'any',
    },
    disks: [],
  };
}

function sourceOf(region: Region, pages: readonly PageContent[]): RegionSource {
  return {
    region,
    used: pages.flatMap((page, start) => (page === null ? [] : [{ start, end: start + 1 }])),
    read(firstPage, into) {
      for (let at = 0; at * PAGE_BYTES < into.length; at += 1) {
        into.set(pageOf(pages[firstPage + at] ?? 0), at * PAGE_BYTES);
      }
    },
  };
}

export function sourcesOf({ memory, disk }: FrozenContent): RegionSource[] {
  const start = SLOT_START as PhysAddr;
  const sources = [sourceOf({ kind: 'memory', name: 'memory', start, pages: memory.length }, memory)];
  if (disk === undefined) return sources;
  const region: Region = {
    kind: 'disk',
    name: 'root',
    pages: disk.length,
    sizeBytes: disk.length * PAGE_BYTES,
  };
  return [...sources, sourceOf(region, disk)];
}

/** Saves `OS@TAG`. */
export async function saveFrozen(
  bank: Bank,
  reference: string,
  content: FrozenContent,
  createdMs?: number,
): Promise<Saved> {
  const [os = '', tag = ''] = reference.split('@');
  const description = factsOf(os, tag, content.memory.length, createdMs);
  return await bank.save({ description, sources: sourcesOf(content) });
}

/** Throws unless the snapshot comes back exactly as it was frozen. */
export async function requireContent(
  bank: Bank,
  snapshot: Snapshot,
  { memory, disk }: FrozenContent,
): Promise<void> {
  const targets = sourcesOf({ memory, ...(disk === undefined ? {} : { disk }) }).map(({ region }) => {
    const pages: PageContent[] = region.kind === 'memory' ? [...memory] : [...(disk ?? [])];
    return compareTarget(region, pages);
  });
  await bank.place(snapshot, targets);
  for (const target of targets) target.requireAll();
}

function compareTarget(region: Region, pages: readonly PageContent[]): RegionTarget & { requireAll(): void } {
  const seen = new Set<number>();
  const visit = (page: number, found: 'free' | 'zero' | Uint8Array): void => {
    if (seen.has(page)) throw new Error(`page ${page} came twice`);
    seen.add(page);
    const wanted = pages[page];
    const same =
      wanted === null
        ? found === 'free'
        : wanted === 0
          ? found === 'zero'
          : typeof found !== 'string' && Buffer.compare(found, pageOf(wanted ?? 0)) === 0;
    if (!same) throw new Error(`${region.name} page ${page} is not ${wanted}`);
  };
  const each = (first: number, count: number, found: (at: number) => 'free' | 'zero' | Uint8Array): void => {
    for (let at = 0; at < count; at += 1) visit(first + at, found(at));
  };
  return {
    region,
    write: (first, bytes) =>
      each(first, bytes.length / PAGE_BYTES, (at) => bytes.subarray(at * PAGE_BYTES, (at + 1) * PAGE_BYTES)),
    zero: (first, count) => each(first, count, () => 'zero'),
    free: (first, count) => each(first, count, () => 'free'),
    flush: () => {},
    read: () => {
      throw new Error('nothing is read back here');
    },
    requireAll() {
      if (seen.size !== pages.length) throw new Error(`${pages.length - seen.size} pages did not come`);
    },
  };
}
