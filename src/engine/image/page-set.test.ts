import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PageSet } from './page-set.ts';

const PAGES = 200;

test('a set of pages is what a set of numbers is', () => {
  const range = fc
    .tuple(fc.nat(PAGES + 20), fc.nat(90))
    .map(([start, count]) => ({ start, end: start + count }));
  const step = fc.record({ range, isAdded: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), range, (steps, asked) => {
      const [set, model] = [new PageSet(PAGES), new Set<number>()];
      for (const {
        range: { start, end },
        isAdded,
      } of steps) {
        if (isAdded) set.add({ start, end });
        else set.remove({ start, end });
        for (let page = start; page < Math.min(end, PAGES); page += 1) {
          if (isAdded) model.add(page);
          else model.delete(page);
        }
      }
      assert.equal(set.count(), model.size);
      const found = [...set.within(asked)];
      for (const [index, { start, end }] of found.entries()) {
        assert.ok(end > start && (index === 0 || start > found[index - 1]!.end), 'ascending and apart');
      }
      const pages = found.flatMap(({ start, end }) =>
        Array.from({ length: end - start }, (_, page) => start + page),
      );
      const expected = [...model].filter((page) => page >= asked.start && page < asked.end);
      assert.deepEqual(
        pages,
        expected.toSorted((a, b) => a - b),
      );
    }),
  );
});
