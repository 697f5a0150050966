import { PAGE_BYTES, physAddr } from '../base/units.ts';
import { FakeStorage } from '../sys/storage.fake.ts';
import { Bank } from './bank.ts';
import type { SnapshotFacts } from './description.ts';
import type { PageRange, Region, RegionSource, RegionTarget } from './region.ts';

export const MEMORY_START = 0x4000_0000;
/** 64 GiB. */
const SLOT_BYTES = 2 ** 36;

export function memoryRegion(pages: number): Region {
  return { kind: 'memory', name: 'memory', start: physAddr(MEMORY_START), pages };
}

export function diskRegion(name: string, pages: number): Region {
  return { kind: 'disk', name, pages, sizeBytes: pages * PAGE_BYTES };
}

/** What a saver says of a frozen OS; only the names matter to the bank. */
export function facts(os = 'debian13', tag = 'monday'): SnapshotFacts {
  return {
    os,
    tag,
    note: '',
    createdMs: 1_700_000_000_000,
    engine: 'resident',
    machine: {
      firmwareMap: [{ start: 0, end: 0x9_f000, type: 'System RAM' }],
      switchboard: 0x1000_0000,
      slot: {
        index: 1,
        memory: { start: MEMORY_START, end: MEMORY_START + SLOT_BYTES },
        low: { start: 0x1_0000, end: 0x2_0000 },
      },
      cpu: { vendor: 'GenuineIntel', model: 'a processor', flags: ['fpu'], la57: false, processors: 2 },
    },
    kernel: {
      release: '6.12.0',
      bootId: '0f6b1c9e-8f0e-4a53-a4a0-0d7b5a0f6f11',
      commandLine: 'quiet',
      entry: MEMORY_START + 0x1000,
      stub: MEMORY_START,
      vmcoreinfo: null,
      freePages: 'any',
    },
    disks: [],
  };
}

/** A region whose pages are numbers: 0 a page of zeros, null free, others a page made of that number. */
export class FakeRegion implements RegionSource, RegionTarget {
  readonly region: Region;
  readonly content: (number | null)[];
  flushed = 0;
  reads = 0;
  /** Pages that were written, zeroed or freed. */
  touched = 0;
  /** Throws instead of reading this page. */
  unreadable: number | null = null;

  constructor(region: Region, content: readonly (number | null)[]) {
    this.region = region;
    this.content = Array.from({ length: region.pages }, (_, page) => content[page] ?? null);
  }

  /** A target of the same shape in which nothing is as it should be. */
  static blank(region: Region): FakeRegion {
    return new FakeRegion(
      region,
      Array.from({ length: region.pages }, () => 0xbad),
    );
  }

  get used(): PageRange[] {
    return this.content.flatMap((value, page) => (value === null ? [] : [{ start: page, end: page + 1 }]));
  }

  read(firstPage: number, into: Uint8Array): void {
    for (let at = 0; at < into.length; at += PAGE_BYTES) {
      const page = firstPage + at / PAGE_BYTES;
      if (page === this.unreadable) throw new Error(`page ${page} cannot be read`);
      this.reads += 1;
      fillPage(into.subarray(at, at + PAGE_BYTES), this.content[page] ?? 0);
    }
  }

  write(firstPage: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += PAGE_BYTES) {
      this.#set(firstPage + at / PAGE_BYTES, pageNumber(bytes.subarray(at, at + PAGE_BYTES)));
    }
  }

  zero(firstPage: number, count: number): void {
    for (let page = firstPage; page < firstPage + count; page += 1) this.#set(page, 0);
  }

  free(firstPage: number, count: number): void {
    for (let page = firstPage; page < firstPage + count; page += 1) this.#set(page, null);
  }

  flush(): void {
    this.flushed += 1;
  }

  #set(page: number, value: number | null): void {
    if (page < 0 || page >= this.region.pages) throw new Error(`page ${page} is outside`);
    this.content[page] = value;
    this.touched += 1;
  }
}

/** A page in which a number stands in words that are far apart, and noise that it determines between them. */
export function fillPage(page: Uint8Array, value: number): void {
  const known = madePages.get(value);
  if (known !== undefined) {
    page.set(known);
    return;
  }
  page.fill(0);
  if (value === 0) return;
  const view = new DataView(page.buffer, page.byteOffset, PAGE_BYTES);
  let state = value >>> 0;
  for (let at = 8; at < PAGE_BYTES - 8; at += 32) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    view.setUint32(at, state, true);
  }
  view.setFloat64(PAGE_BYTES - 8, value, true);
  madePages.set(value, Uint8Array.from(page));
}

/** Pages by their number. */
const madePages = new Map<number, Uint8Array>();

/** Opposite of {@link fillPage}; throws for any other page. */
export function pageNumber(page: Uint8Array): number {
  const value = new DataView(page.buffer, page.byteOffset, PAGE_BYTES).getFloat64(PAGE_BYTES - 8, true);
  const expected = Buffer.alloc(PAGE_BYTES);
  fillPage(expected, value);
  if (expected.compare(page) !== 0) throw new Error('a page that nobody wrote');
  return value;
}

export function newBank(storage = new FakeStorage()): { bank: Bank; storage: FakeStorage } {
  return { bank: Bank.create(storage), storage };
}
