import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countInRound } from './measure.ts';

test('what is to be measured is spread over the rounds, and all of it is done', () => {
  const spread = (count: number, rounds: number): number[] =>
    Array.from({ length: rounds }, (_, round) => countInRound(count, round, rounds));
  assert.deepEqual(spread(3, 5), [0, 1, 0, 1, 1]);
  assert.deepEqual(spread(2, 1), [2]);
  assert.deepEqual(spread(0, 3), [0, 0, 0]);
  assert.deepEqual(spread(7, 3), [2, 2, 3]);
});
