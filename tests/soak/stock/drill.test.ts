import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../random.ts';
import { StockDrill } from './drill.ts';
import { FakePair } from './fake-pair.ts';
import { drawRound } from './round.ts';
import type { StockStep } from './step.ts';

const ROUNDS = 100;

for (const seed of [1, 2, 3, 4]) {
  test(`a hundred rounds with the seed ${seed}: as many snapshots and switches, at least as many restores`, async () => {
    const pair = new FakePair();
    const steps: StockStep[] = [];
    const drill = new StockDrill(pair.machine, (step) => steps.push(step), pair.tools);
    await drill.prepare(() => {});
    assert.deepEqual([pair.running, [...pair.parked.keys()]], [1, [0]]);
    const random = new SeededRandom(seed);
    for (let number = 1; number <= ROUNDS; number += 1) {
      await drill.round(drawRound(random, number));
      // One runs and the other one is parked, whatever came between.
      assert.deepEqual([...pair.parked.keys()], [1 - pair.running!]);
      assert.ok(pair.snapshots.size <= 4);
    }
    await drill.finish();
    assert.deepEqual([pair.running, pair.parked.size, pair.pending], [null, 0, null]);
    const count = (kind: StockStep['kind']): number => steps.filter((step) => step.kind === kind).length;
    assert.deepEqual([count('snapshot'), count('switch')], [ROUNDS + 2, ROUNDS]);
    assert.ok(count('restore') >= ROUNDS);
  });
}

test('what comes back as something else is a failure, and is said', async () => {
  const pair = new FakePair();
  const drill = new StockDrill(pair.machine, () => {}, pair.tools);
  await drill.prepare(() => {});
  pair.replaceBy = async () => ({ status: 0, output: '{"outcome":"saved"}' });
  await assert.rejects(
    drill.round({ number: 1, way: 'in place', programs: null }),
    /“saved .* instead of “restored/,
  );
  assert.equal(drill.doing, 'restore of debian13@r1 (in place)');
});
