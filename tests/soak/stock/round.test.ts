import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../random.ts';
import { BUSY, drawRound } from './round.ts';

const draw = (seed: number, count: number) => {
  const random = new SeededRandom(seed);
  return Array.from({ length: count }, (_, index) => drawRound(random, index + 1));
};

test('a seed draws the same rounds again, and fewer of them when fewer are wanted', () => {
  assert.deepEqual(draw(4, 50), draw(4, 50));
  assert.deepEqual(draw(4, 100).slice(0, 50), draw(4, 50));
  assert.notDeepEqual(draw(5, 50), draw(4, 50));
});

test('a hundred rounds come back in every way, and now and then all programs are verified', () => {
  const rounds = draw(4, 100);
  assert.equal(new Set(rounds.map(({ way }) => way)).size, 6);
  const all = rounds.filter(({ programs }) => programs === null);
  assert.ok(all.length > 5);
  // OSes take turns with each round.
  assert.equal(new Set(all.map(({ number }) => number % 2)).size, 2);
  for (const { programs } of rounds) assert.ok(!BUSY.some((id) => programs?.includes(id)));
});
