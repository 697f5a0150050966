import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PROGRAMS } from './programs.ts';
import { renderTour } from './summary.ts';

const REPORT = {
  sequence: 1,
  from: 'tiny',
  to: 'debian12',
  mode: 'park',
  phasesMs: null,
  resumeMs: null,
} as const;

test('the tables tell what went on and what did not', () => {
  const stories = PROGRAMS.map((program, index) => ({
    program,
    first: { identity: 'identity-0', count: 1 },
    last: { identity: 'identity-0', count: 40 },
    visits: 4,
    wentOn: index > 0,
  }));
  const reports = [70, 50, 60].map((totalMs) => ({ ...REPORT, totalMs }));
  const text = renderTour({ reports, stories }, true);
  assert.match(text, /tiny → debian12 +3 +50 +60 +70/);
  assert.match(text, /nonce in its shell, LOST/);
  assert.equal(text.match(/unchanged/g)?.length, 2);
  assert.match(text, /emulated/);
});
