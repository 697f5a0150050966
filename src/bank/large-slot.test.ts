import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MIB, PAGE_BYTES, physAddr } from '../base/units.ts';
import { FakeStorage } from '../sys/storage.fake.ts';
import { facts, fillPage, pageNumber } from './bank.fixture.ts';
import { Bank } from './bank.ts';
import type { PageRange, Region, RegionSource, RegionTarget } from './region.ts';
import { verifySnapshot } from './verify.ts';

/** 64 GiB. */
const PAGES = 2 ** 24;
const region: Region = { kind: 'memory', name: 'memory', start: physAddr(0x4000_0000), pages: PAGES };
/** Used pages come in groups of four, so far apart that the map has a quarter of a million runs. */
const STEP = 128;
/** One in so many groups has content, the others are zeros. */
const CONTENT = 97;

/** What page has content, by a rule instead of memory. */
function contentOf(page: number): number | null {
  if (page % STEP >= 4) return null;
  return Math.floor(page / STEP) % CONTENT === 0 ? (page % 5000) + 1 : 0;
}

const source: RegionSource = {
  region,
  used: {
    *[Symbol.iterator](): Generator<PageRange> {
      for (let start = 0; start < PAGES; start += STEP) yield { start, end: start + 4 };
    },
  },
  read(firstPage, into) {
    for (let at = 0; at < into.length; at += PAGE_BYTES) {
      fillPage(into.subarray(at, at + PAGE_BYTES), contentOf(firstPage + at / PAGE_BYTES)!);
    }
  },
};

/** Compares what it is given with the rule, and holds nothing. */
class CheckingTarget implements RegionTarget {
  readonly region = region;
  stored = 0;
  zeros = 0;
  frees = 0;
  memoryBytes = 0;

  write(firstPage: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += PAGE_BYTES) {
      assert.equal(pageNumber(bytes.subarray(at, at + PAGE_BYTES)), contentOf(firstPage + at / PAGE_BYTES));
      this.stored += 1;
    }
    if (this.stored % 1024 === 0) this.memoryBytes = Math.max(this.memoryBytes, heldBytes());
  }

  zero(firstPage: number, count: number): void {
    assert.equal(contentOf(firstPage), 0);
    this.zeros += count;
  }

  free(firstPage: number, count: number): void {
    assert.equal(contentOf(firstPage), null);
    assert.equal(contentOf(firstPage + count - 1), null);
    this.frees += count;
  }

  flush(): void {}

  read(): void {}
}

function heldBytes(): number {
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
}

test('a slot of 64 GiB is saved, verified and placed with little memory', async (context) => {
  const storage = new FakeStorage();
  const bank = Bank.create(storage);
  const before = heldBytes();
  let most = 0;
  storage.onChange = () => {
    most = Math.max(most, heldBytes() - before - storage.usedBytes());
  };
  const saved = await bank.save({ description: facts(), sources: [source] });
  assert.equal(saved.freeBytes, (PAGES / STEP) * (STEP - 4) * PAGE_BYTES);
  const second = await bank.save({ description: facts('debian13', 'again'), sources: [source] });
  assert.equal(second.newBytes, 0);
  storage.onChange = null;
  const snapshot = bank.find('debian13@again');
  await verifySnapshot(bank, snapshot);
  const target = new CheckingTarget();
  await bank.place(snapshot, [target]);
  assert.equal(target.stored + target.zeros + target.frees, PAGES);
  assert.equal(target.stored, Math.ceil(PAGES / STEP / CONTENT) * 4);
  const placing = target.memoryBytes - before - storage.usedBytes();
  context.diagnostic(`saving ${Math.round(most / MIB)} MiB, placing ${Math.round(placing / MIB)} MiB`);
  // Far above what is needed: what is collected late counts too.
  assert.ok(most < 256 * MIB, String(most));
  assert.ok(placing < 256 * MIB, String(placing));
});
