import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PAGE_BYTES } from '../../base/units.ts';
import { FakeDisk } from '../../sys/block-device.fake.ts';
import { copyPages } from './copy-pages.ts';
import { PageRuns } from './page-runs.ts';

/** What is to come out, page by page. */
function copySlowly(content: Uint8Array, ranges: readonly { start: number; end: number }[]) {
  const runs = new PageRuns();
  const stored: Uint8Array[] = [];
  for (const { start, end } of ranges) {
    for (let page = start; page < end; page += 1) {
      const bytes = new Uint8Array(PAGE_BYTES);
      bytes.set(content.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES));
      const isZero = bytes.every((byte) => byte === 0);
      runs.add(page, 1, isZero);
      if (!isZero) stored.push(bytes);
    }
  }
  return { runs: [...runs], stored: Buffer.concat(stored) };
}

test('whatever the ranges and the buffer, stored pages and runs are those of the disk', () => {
  const page = fc.constantFrom(0, 0, 1, 2, 3);
  const ranges = fc.uniqueArray(fc.nat(40), { maxLength: 12 }).map((ends) => ends.toSorted((a, b) => a - b));
  fc.assert(
    fc.property(
      fc.array(page, { minLength: 40, maxLength: 40 }),
      ranges,
      fc.integer({ min: 1, max: 8 }),
      fc.boolean(),
      (pages, ends, capacity, isCut) => {
        const content = new Uint8Array(40 * PAGE_BYTES - (isCut ? 3584 : 0));
        for (const [index, kind] of pages.entries()) {
          // A page may differ from zero in any one byte.
          const at = index * PAGE_BYTES + [0, 0, 2000, PAGE_BYTES - 1][kind]!;
          if (kind > 0 && at < content.length) content[at] = kind;
        }
        const wanted = ends.flatMap((start, index) =>
          index % 2 === 0 && ends[index + 1] !== undefined ? [{ start, end: ends[index + 1]! }] : [],
        );
        const runs = new PageRuns();
        const stored: Uint8Array[] = [];
        const device = new FakeDisk('/dev/vda', content).device('read');
        copyPages(device, wanted, new Uint8Array(capacity * PAGE_BYTES).fill(0xee), runs, (bytes) =>
          stored.push(bytes.slice()),
        );
        assert.deepEqual({ runs: [...runs], stored: Buffer.concat(stored) }, copySlowly(content, wanted));
      },
    ),
    { numRuns: 300 },
  );
});
