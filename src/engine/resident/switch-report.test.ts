import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FakeMachine, fakeMachine, park } from '../../switchboard/fake.ts';
import { CONTROL, OFFSET } from '../../switchboard/layout.ts';
import { reportSwitch, switchReportSchema } from './switch-report.ts';
import { tscPerMs } from './tsc-clock.ts';

const MS = 1_000_000n;

/** Home runs again after slot 1 left; the fake processor has 1 GHz. */
function arrived(mode: bigint): FakeMachine {
  const made = fakeMachine();
  park(made, 1, 'debian12');
  CONTROL.encodeInto(
    made.bytes,
    { previous: 1n, mode, sequence: 4n, tscLeave: 100n * MS, tscEnter: 130n * MS, tscExit: 131n * MS },
    OFFSET.control,
  );
  return made;
}

function report({ sys, switchboard }: FakeMachine) {
  const made = reportSwitch(sys, switchboard, { control: switchboard.control(), tscReturn: 150n * MS });
  return switchReportSchema.parse(JSON.parse(JSON.stringify(made)));
}

test('the clock is measured once for each kernel', () => {
  const { sys } = fakeMachine();
  const first = tscPerMs(sys);
  assert.ok(Math.abs(first - 1e6) < 3e4, String(first));
  assert.equal(tscPerMs(sys), first);
});

test('a switch after a park is timed from the request', () => {
  const { from, to, mode, sequence, totalMs, phasesMs } = report(arrived(1n));
  assert.deepEqual(
    { from, to, mode, sequence },
    { from: 'debian12', to: 'monitor', mode: 'park', sequence: 4 },
  );
  assert.ok(Math.abs(totalMs - 50) < 2, String(totalMs));
  assert.equal(phasesMs, null, 'the leaver has no log');
});

test('a switch after a crash is timed from the trampoline', () => {
  const { mode, totalMs } = report(arrived(3n));
  assert.equal(mode, 'crash');
  assert.ok(Math.abs(totalMs - 20) < 1, String(totalMs));
});
