import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderStockSoak, reportStockSoak } from './report.ts';
import type { StockStep } from './step.ts';

const step = (kind: StockStep['kind'], way: string | null, totalMs: number): StockStep => ({
  round: 1,
  kind,
  way,
  os: 'debian12',
  totalMs,
  stagesMs: kind === 'switch' ? { freeze: totalMs / 10 } : {},
  verifyMs: 5,
});
const RESULT = {
  steps: [
    step('snapshot', null, 100),
    step('restore', 'in place', 200),
    step('restore', 'power cut', 300),
    step('switch', 'to debian13', 400),
    step('switch', 'to debian13', 500),
  ],
  rounds: 1,
  skipped: ['host-connection in debian12: the machine has no network'],
  failure: null,
  elapsedMs: 60_000,
};
const OPTIONS = { count: 1, minutes: Infinity, seed: 7, keep: false, json: false };

test('a report counts by kind and has the times of each kind and stage', () => {
  const report = reportStockSoak(RESULT, OPTIONS);
  assert.deepEqual(report.counts, { snapshot: 1, restore: 2, switch: 2 });
  assert.deepEqual(report.byKind, {
    'restore, in place': 1,
    'restore, power cut': 1,
    snapshot: 1,
    'switch, to debian13': 2,
  });
  assert.equal(report.totalMs['switch, to debian13']?.maxMs, 500);
  assert.equal(report.stagesMs['switch, to debian13']?.freeze?.p50Ms, 40);
  assert.equal(report.failures, 0);
  const text = renderStockSoak(report);
  assert.match(text, /1 snapshots, 2 restores and 2 switches in 1 rounds, 0 failures/);
  assert.match(text, /host-connection in debian12/);
});

test('a failure says where, what, and how to have it again', () => {
  const failure = {
    round: 2,
    step: 'restore of debian12@r2 (power cut)',
    problems: ['it did not come back'],
    replay: 'npm run soak -- stock --seed 7 --count 2',
    evidence: '/somewhere',
  };
  const report = reportStockSoak({ ...RESULT, failure }, OPTIONS);
  assert.equal(report.failures, 1);
  assert.match(
    renderStockSoak(report),
    /FAILED in round 2, restore of .*\n {2}it did not come back\n.*\nagain: {4}npm run/,
  );
});
