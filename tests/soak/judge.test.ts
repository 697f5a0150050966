import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WitnessReport } from './guest/report.ts';
import { judge, judgeTime } from './judge.ts';

const BEFORE: WitnessReport = {
  id: '1-1',
  os: 'tiny',
  nonce: 'n',
  ticks: 10,
  echoes: 9,
  damage: [],
  complaints: [],
  tainted: 0,
  memFreeKib: 1,
  memAvailableKib: 1,
  realTimeMs: 0,
  checkMs: 1,
};
const NOW: WitnessReport = { ...BEFORE, id: '1-2', ticks: 11, echoes: 10 };

test('an OS that went on has no problem', () => {
  assert.deepEqual(judge('tiny', BEFORE, NOW), []);
});

test('a stall that a busy host explains is no problem', () => {
  assert.deepEqual(judge('tiny', BEFORE, { ...NOW, complaints: ['clocksource: tsc is unstable'] }), []);
});

for (const [what, change] of Object.entries({
  'a restart': { nonce: 'm' },
  'ticks that stand': { ticks: 10 },
  'lost echoes': { echoes: 1 },
  'another OS': { os: 'monitor' },
  'damaged memory': { damage: ['memory: chunk 1'] },
  'a kernel bug': { complaints: ['BUG: unable to handle page fault'] },
  'a taint': { tainted: 512 },
} satisfies Record<string, Partial<WitnessReport>>)) {
  test(`${what} is a problem`, () => {
    assert.equal(judge('tiny', BEFORE, { ...NOW, ...change }).length, 1);
  });
}

test('a switch that took longer than the host waited was measured wrongly', () => {
  const report = { sequence: 1, from: 'a', to: 'b', mode: 'park', phasesMs: null, resumeMs: null } as const;
  assert.deepEqual(judgeTime({ ...report, totalMs: 100 }, 99), []);
  assert.equal(judgeTime({ ...report, totalMs: 1900 }, 320).length, 1);
  assert.deepEqual(judgeTime(null, 1), []);
});
