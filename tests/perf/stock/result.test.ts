import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StockSamples, SwitchSample, SystemSamples } from './measure.ts';
import { renderStock, summarizeStock } from './result.ts';

function system(pauses: readonly number[], hibernateMs: number | null): SystemSamples {
  return {
    kernel: '6.1.0-50-amd64',
    snapshots: pauses.map((pausedMs) => ({ pausedMs, stagesMs: { image: 100, disks: pausedMs - 100 } })),
    hibernations: hibernateMs === null ? [] : [{ hibernateMs, resumeMs: 2 * hibernateMs }],
  };
}

function sample(os: string, from: string, switchMs: number | null): SwitchSample {
  return {
    hostMs: 9000,
    report: { os, from, switchMs, stagesMs: { image: 50, load: (switchMs ?? 0) - 50 } },
  };
}

const SWITCHES = [
  sample('debian12', 'debian13', 1000),
  sample('debian13', 'debian12', 3000),
  sample('debian12', 'debian13', 2000),
  sample('debian13', 'debian12', 3000),
  sample('debian12', 'debian13', null),
];

function samples(hibernateMs: number | null): StockSamples {
  const debian12 = system([5000, 3000, 4000], hibernateMs);
  const debian13 = system([2000], hibernateMs === null ? null : hibernateMs * 3);
  return { systems: { debian12, debian13 }, switches: SWITCHES, cpus: 2, emulated: true };
}

test('both directions together are held against one hibernation and one resumption', () => {
  const result = summarizeStock(samples(5000));
  assert.equal(result.pauseMs, 3000);
  assert.deepEqual([result.systems.debian12?.firstPauseMs, result.systems.debian12?.pauseMs], [5000, 4000]);
  assert.equal(result.switchMs, 4000);
  assert.deepEqual(result.phasesMs, { image: 100, load: 3900 });
  assert.deepEqual([result.hibernateMs, result.resumeMs], [10_000, 20_000]);
  assert.deepEqual(Object.values(result.ratios), [0.6, 0.27, 0.16]);
  assert.equal(result.directions['debian13 → debian12']?.count, 2);
  assert.match(renderStock(result), /debian12 → debian13 +3\.0 s/);
});

test('with nothing to compare with there are no ratios', () => {
  const result = summarizeStock(samples(null));
  assert.deepEqual([result.hibernateMs, result.resumeMs, result.ratios], [null, null, {}]);
  assert.doesNotMatch(renderStock(result), /AIM/);
});
