import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PageRuns } from './page-runs.ts';

test('PageRuns joins neighbours of one kind and knows where each page is stored', () => {
  const runs = new PageRuns();
  runs.add(1, 2, false);
  runs.add(3, 1, false);
  runs.add(4, 5, true);
  runs.add(9, 1, false);
  runs.add(20, 1, false);
  assert.deepEqual(
    [...runs].map(({ start, count, isZero, firstStored }) => [start, count, isZero, firstStored]),
    [
      [1, 3, false, 0],
      [4, 5, true, 3],
      [9, 1, false, 3],
      [20, 1, false, 4],
    ],
  );
  assert.deepEqual([runs.stored, runs.zeros, runs.end, runs.length], [5, 5, 21, 4]);
  assert.equal(runs.find(0), null);
  assert.equal(runs.find(10), null);
  assert.equal(runs.find(21), null);
  assert.equal(runs.find(20)?.firstStored, 4);
  assert.throws(() => runs.add(20, 1, true), RangeError);
  assert.equal(new PageRuns().find(0), null);
});

test('PageRuns finds every page that was added, however many runs there are', () => {
  const steps = fc.array(
    fc.record({ gap: fc.nat(3), count: fc.integer({ min: 1, max: 4 }), isZero: fc.boolean() }),
    {
      maxLength: 3000,
    },
  );
  fc.assert(
    fc.property(steps, (list) => {
      const runs = new PageRuns();
      let [page, stored] = [0, 0];
      const expected: { page: number; isZero: boolean; stored: number }[] = [];
      for (const { gap, count, isZero } of list) {
        page += gap;
        runs.add(page, count, isZero);
        for (let index = 0; index < count; index += 1) {
          expected.push({ page: page + index, isZero, stored });
          if (!isZero) stored += 1;
        }
        page += count;
      }
      for (const one of expected) {
        const run = runs.find(one.page);
        assert.ok(run !== null && run.isZero === one.isZero);
        if (!run.isZero) assert.equal(run.firstStored + one.page - run.start, one.stored);
      }
    }),
    { numRuns: 30 },
  );
});
