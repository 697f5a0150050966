import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Sample } from './ping-pong.ts';
import { renderBench, summarizeBench } from './result.ts';

function sample(totalMs: number, timed = true): Sample {
  const phasesMs = { freeze: 1, devices: 2, cpus: 3, jump: 0.01, resume: totalMs - 6 };
  return {
    hostMs: totalMs + 20,
    report: {
      sequence: 1,
      from: 'debian12',
      to: 'debian13',
      mode: 'park',
      totalMs,
      phasesMs: timed ? phasesMs : null,
      resumeMs: { cpus: 1, devices: 2, tasks: 3 },
    },
  };
}

const SAMPLES = {
  byResident: new Map([
    [2, [sample(40), sample(50), sample(60, false)]],
    [7, [sample(55)]],
  ]),
  bySlotMib: new Map([[256, [sample(30)]]]),
  load: {},
};
const MACHINE = { cpus: 2, emulated: true };

test('the figures are those with the first number of residents', () => {
  const comparison = { hibernateMs: 4000, resumeMs: 2000.4, rebootMs: 9000 };
  const result = summarizeBench(SAMPLES, comparison, MACHINE);
  assert.equal(result.p50Ms, 50);
  assert.equal(result.maxMs, 60);
  assert.equal(result.phasesMs.freeze, 1);
  assert.deepEqual(result.p50MsByResident, { '2': 50, '7': 55 });
  assert.equal(result.hibernateResumeMs, 6000);
  assert.equal(result.timesFasterThanHibernation, 120);
  assert.match(renderBench(result), /120 times faster/);
});

test('without a comparison its figures are null and its lines are missing', () => {
  const result = summarizeBench(SAMPLES, null, MACHINE);
  assert.equal(result.hibernateResumeMs, null);
  assert.equal(result.rebootMs, null);
  assert.doesNotMatch(renderBench(result), /hibernation/);
});
