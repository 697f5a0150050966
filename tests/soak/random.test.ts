import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from './random.ts';

const draw = (seed: number): number[] => {
  const random = new SeededRandom(seed);
  return Array.from({ length: 1000 }, () => random.next());
};

test('the same seed draws the same numbers, another one others', () => {
  assert.deepEqual(draw(7), draw(7));
  assert.notDeepEqual(draw(7), draw(8));
});

test('numbers are in [0, 1) and spread', () => {
  const values = draw(1);
  assert.ok(values.every((value) => value >= 0 && value < 1));
  const mean = values.reduce((sum, value) => sum + value) / values.length;
  assert.ok(Math.abs(mean - 0.5) < 0.05, `mean ${mean}`);
});

test('pick takes every value', () => {
  const random = new SeededRandom(3);
  const seen = new Set(Array.from({ length: 200 }, () => random.pick(['a', 'b', 'c', 'd'])));
  assert.deepEqual([...seen].toSorted(), ['a', 'b', 'c', 'd']);
});
