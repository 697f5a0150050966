import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { rangeOf } from '../base/ranges.ts';
import { MIB, PAGE_BYTES } from '../base/units.ts';
import { FakeKernel } from './fake-kernel.fixture.ts';
import { freePages, type PageRange, usedPages } from './free-pages.ts';
import { probeFreePages } from './probe-free-pages.ts';

const BASE = 0x1000_0000;
const FIRST_PFN = BASE / PAGE_BYTES;
/** Four sections of 2 MiB. */
const SIZE = 8 * MIB;
const PAGES = SIZE / PAGE_BYTES;
const SECTION_PAGES = 512;
const RANGE = rangeOf(BASE, SIZE);
const VMEMMAP = 0xffff_ea00_0000_0000n;
const ROOTS = 0xffff_8880_0000_0000n;
const SECTIONS = 0xffff_8880_0001_0000n;
const BUDDY = 0xf000_0000;
const NOBODY = 0xffff_ffff;

const NOTE: Readonly<Record<string, string>> = {
  'SYMBOL(vmemmap)': VMEMMAP.toString(16),
  'SYMBOL(mem_section)': ROOTS.toString(16),
  'LENGTH(mem_section)': '2048',
  'SIZE(mem_section)': '16',
  'OFFSET(mem_section.section_mem_map)': '0',
  'NUMBER(SECTION_SIZE_BITS)': '21',
  'SIZE(page)': '64',
  'OFFSET(page._mapcount)': '48',
  'OFFSET(page._refcount)': '52',
  'OFFSET(page.private)': '40',
  'LENGTH(zone.free_area)': '10',
  'NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)': '-268435456',
};

/** A kernel of 8 MiB, all of it in use. */
function kernelOf(note: Readonly<Record<string, string>> = {}): FakeKernel {
  const kernel = new FakeKernel(BASE, SIZE, 1024);
  for (const [key, value] of Object.entries({ ...NOTE, ...note })) kernel.note.set(key, value);
  for (let section = 0; section < PAGES / SECTION_PAGES; section += 1) {
    const number = FIRST_PFN / SECTION_PAGES + section;
    kernel.writeU64(ROOTS + BigInt(8 * Math.floor(number / 256)), SECTIONS);
    kernel.writeU64(SECTIONS + BigInt(16 * (number % 256)), VMEMMAP | 0b1111n);
  }
  for (let page = 0; page < PAGES; page += 1) setPage(kernel, page, { refcount: 1 });
  return kernel;
}

function setPage(kernel: FakeKernel, page: number, { type = NOBODY, refcount = 0, order = 0 }): void {
  const at = VMEMMAP + BigInt((FIRST_PFN + page) * 64);
  kernel.writeU64(at + 40n, BigInt(order));
  kernel.writeU32(at + 48n, type);
  kernel.writeU32(at + 52n, refcount);
}

function free(kernel: FakeKernel, page: number, order: number): void {
  setPage(kernel, page, { type: BUDDY, order });
  for (let tail = 1; tail < 2 ** order; tail += 1) setPage(kernel, page + tail, {});
}

function look(kernel: FakeKernel, range = RANGE): { used: PageRange[]; damage: string[] } {
  const damage: string[] = [];
  const onDamage = (what: string): void => void damage.push(what);
  return { used: [...usedPages(kernel.reader, kernel.vmcoreinfo, range, { onDamage })], damage };
}

const ALL = [{ start: 0, end: PAGES }];

describe('usedPages', () => {
  it('leaves out free blocks of every order', () => {
    const kernel = kernelOf();
    free(kernel, 3, 0);
    free(kernel, 4, 2);
    free(kernel, 512, 9);
    free(kernel, 1030, 1);
    assert.deepEqual(look(kernel), {
      used: [
        { start: 0, end: 3 },
        { start: 8, end: 512 },
        { start: 1024, end: 1030 },
        { start: 1032, end: PAGES },
      ],
      damage: [],
    });
    const inside = look(kernel, rangeOf(BASE + 4 * PAGE_BYTES, 4 * PAGE_BYTES));
    assert.deepEqual(inside, { used: [], damage: [] });
    assert.deepEqual(look(kernel, rangeOf(BASE + 6 * PAGE_BYTES, 4 * PAGE_BYTES)).used, [
      { start: 0, end: 4 },
    ]);
  });

  it('takes the type from the note, whatever its sign, and structures of another size', () => {
    const kernel = kernelOf({ 'NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)': '4026531840' });
    free(kernel, 0, 3);
    assert.deepEqual(look(kernel).used, [{ start: 8, end: PAGES }]);
    const other = kernelOf({ 'NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)': '-129' });
    setPage(other, 7, { type: 0xffff_ff7f });
    assert.deepEqual(look(other).used, [
      { start: 0, end: 7 },
      { start: 8, end: PAGES },
    ]);
  });

  it('does not believe a damaged block', () => {
    for (const damage of [
      { type: BUDDY, order: 10 },
      { type: BUDDY, order: 0xffff_ffff },
      { type: BUDDY, order: 2 ** 33 },
      { type: BUDDY, order: 4 },
      { type: BUDDY, order: 3, refcount: 1 },
    ]) {
      const kernel = kernelOf();
      free(kernel, 8, 3);
      setPage(kernel, 8, damage);
      const { used, damage: told } = look(kernel);
      assert.deepEqual(used, ALL, JSON.stringify(damage));
      assert.match(told.join('\n'), /^1 blocks are marked free but damaged/);
    }
  });

  it('does not believe a block with a page that is in use, misaligned, or longer than the memory', () => {
    const kernel = kernelOf();
    free(kernel, 16, 3);
    setPage(kernel, 19, { refcount: 1 });
    free(kernel, 34, 2);
    assert.deepEqual(look(kernel).used, ALL);
    const short = kernelOf();
    free(short, 0, 9);
    assert.deepEqual(look(short, rangeOf(BASE, 511 * PAGE_BYTES)).used, [{ start: 0, end: 511 }]);
  });

  it('counts a section as used that has no map, or another one', () => {
    const coded = SECTIONS + BigInt(16 * ((FIRST_PFN / SECTION_PAGES + 1) % 256));
    for (const [value, reason] of [
      [0n, /no memory map/],
      [VMEMMAP | 1n, /no memory map/],
      [(VMEMMAP + 0x1000n) | 3n, /elsewhere/],
    ] as const) {
      const kernel = kernelOf();
      for (let page = 0; page < PAGES; page += SECTION_PAGES) free(kernel, page, 9);
      kernel.writeU64(coded, value);
      const { used, damage } = look(kernel);
      assert.deepEqual(used, [{ start: 512, end: 1024 }]);
      assert.equal(damage.length, 1);
      assert.match(damage[0]!, reason);
      assert.match(damage[0]!, /^\[0x10200000, 0x10400000\) 2 MiB counts as used/);
    }
  });

  it('counts as used what the page tables hide, and only that', () => {
    const kernel = kernelOf();
    for (let page = 0; page < 128; page += 1) free(kernel, page, 0);
    const tables = new DataView(kernel.memory.buffer);
    // The entry of the second page of structures: the first of this section is the one before it.
    const entries = [...Array(SIZE / 8).keys()].filter((at) => {
      const frame = Number(tables.getBigUint64(at * 8, true) & ~0xfffn) - BASE;
      return (
        tables.getBigUint64(at * 8, true) % 4096n === 1n &&
        frame >= 0 &&
        frame < SIZE &&
        isStructs(kernel, frame)
      );
    });
    tables.setBigUint64(entries[1]! * 8, 0n, true);
    const { used, damage } = look(kernel);
    assert.deepEqual(used, [{ start: 64, end: PAGES }]);
    assert.match(damage.join('\n'), /memory map is unreadable/);
  });

  it('says why everything is used when the note lacks something', () => {
    for (const key of Object.keys(NOTE).filter((name) => name !== 'SYMBOL(vmemmap)')) {
      const kernel = kernelOf();
      free(kernel, 0, 9);
      kernel.note.delete(key);
      const { used, damage } = look(kernel);
      assert.deepEqual(used, ALL);
      assert.match(damage.join('\n'), /^all pages of .* count as used: VMCOREINFO has no /);
      assert.ok(damage[0]!.includes(key));
    }
  });

  it('is bounded and stays inside whatever the note and the memory say', () => {
    const values = [
      '0',
      '1',
      '7',
      '8',
      '24',
      '40',
      '64',
      '4096',
      '99999999999',
      '-1',
      'ffffffffffffffff',
      '',
    ];
    const damaged = fc.record({
      note: fc.dictionary(fc.constantFrom(...Object.keys(NOTE)), fc.constantFrom(...values), { maxKeys: 2 }),
      words: fc.array(
        fc.tuple(
          fc.integer({ min: SIZE / 16, max: SIZE / 8 - 1 }),
          fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        ),
        { maxLength: 40 },
      ),
      pages: fc.array(fc.record({ page: fc.nat(PAGES - 1), order: fc.nat(12) }), { maxLength: 20 }),
    });
    fc.assert(
      fc.property(damaged, ({ note, words, pages }) => {
        const kernel = kernelOf(note);
        for (const { page, order } of pages) setPage(kernel, page, { type: BUDDY, order });
        const view = new DataView(kernel.memory.buffer);
        for (const [at, value] of words) view.setBigUint64(at * 8, value, true);
        let last = 0;
        for (const { start, end } of look(kernel).used) {
          assert.ok(start >= last && start < end && end <= PAGES);
          last = end + 1;
        }
        for (const { start, end } of freePages(kernel.reader, kernel.vmcoreinfo, RANGE)) {
          assert.ok(start >= 0 && start < end && end <= PAGES);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('needs no vmemmap in the note', () => {
    const kernel = kernelOf();
    kernel.note.delete('SYMBOL(vmemmap)');
    free(kernel, 0, 9);
    assert.deepEqual(look(kernel), { used: [{ start: 512, end: PAGES }], damage: [] });
  });

  it('wants whole pages', () => {
    assert.throws(() => look(kernelOf(), rangeOf(BASE + 1, PAGE_BYTES)), RangeError);
  });
});

function isStructs(kernel: FakeKernel, frame: number): boolean {
  const page = new DataView(kernel.memory.buffer, frame, PAGE_BYTES);
  for (let at = 0; at < PAGE_BYTES; at += 64) {
    if (page.getUint32(at + 48, true) !== BUDDY && page.getUint32(at + 48, true) !== NOBODY) return false;
  }
  return true;
}

describe('probeFreePages', () => {
  const probe = (kernel: FakeKernel, commandLine: string | null = null) =>
    probeFreePages(kernel.reader, kernel.vmcoreinfo, RANGE, commandLine);

  /** Blocks of several orders, every page of them filled. */
  function filled(byte: number): FakeKernel {
    const kernel = kernelOf();
    for (let page = 0; page < 512; page += 8) free(kernel, page, page % 3);
    kernel.memory.fill(byte, 0, 512 * PAGE_BYTES);
    return kernel;
  }

  it('believes what all free pages hold, also against the command line', () => {
    assert.equal(probe(filled(0)), 'zero');
    assert.equal(probe(filled(0xaa), 'init_on_free=1'), 'poison');
    assert.equal(probe(filled(0x55), 'page_poison=1'), 'any');
    const mixed = filled(0);
    mixed.memory[8 * PAGE_BYTES + 4095] = 1;
    assert.equal(probe(mixed, 'init_on_free=1'), 'any');
    const half = filled(0xaa);
    half.memory.fill(0, 16 * PAGE_BYTES, 17 * PAGE_BYTES);
    assert.equal(probe(half), 'any');
  });

  it('believes the command line when there is nothing to look at', () => {
    assert.equal(probe(kernelOf()), 'any');
    assert.equal(probe(kernelOf(), 'quiet init_on_free=1'), 'zero');
    assert.equal(probe(kernelOf(), 'page_poison=on init_on_free=1'), 'poison');
    assert.equal(probe(kernelOf(), 'init_on_free=0 noinit_on_free=1'), 'any');
  });
});
