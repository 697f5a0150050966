import assert from 'node:assert/strict';
import { test } from 'node:test';
import { percentile, summarize } from './statistics.ts';

test('a percentile is a value that occurs', () => {
  const values = [5, 1, 4, 2, 3];
  assert.equal(percentile(values, 0.5), 3);
  assert.equal(percentile(values, 0.95), 5);
  assert.equal(percentile(values, 0), 1);
  assert.ok(Number.isNaN(percentile([], 0.5)));
});

test('99 of 100 values do not exceed the 99th percentile', () => {
  const values = Array.from({ length: 100 }, (_, index) => index + 1);
  assert.deepEqual(summarize(values), { count: 100, p50Ms: 50, p95Ms: 95, p99Ms: 99, maxMs: 100 });
});
