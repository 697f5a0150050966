import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ControlState } from '../../switchboard/switchboard.ts';
import { FakeSys } from '../../sys/fake.ts';
import { carryClock } from './clock.ts';
import { tscPerMs } from './tsc-clock.ts';

const LEFT_MS = 1_700_000_000_000;

/** An arrival `passedMs` after the leaver looked at its clock. */
function arrive(sys: FakeSys, passedMs: number, change: Partial<ControlState> = {}): number {
  const passed = BigInt(Math.round(passedMs * tscPerMs(sys)));
  const now = sys.readTsc();
  const tscLeave = now - passed;
  const control = { mode: 'park', leaveRealtimeMs: LEFT_MS, tscLeave, ...change } as ControlState;
  return carryClock(sys, { control, tscReturn: now });
}

test('carryClock() sets the clock to the time of the leaver and what has passed since', () => {
  const sys = new FakeSys();
  sys.wallClockMs = LEFT_MS - 700;
  assert.ok(Math.abs(arrive(sys, 60) - 760) < 5);
  assert.ok(Math.abs(sys.wallClockMs - (LEFT_MS + 60)) < 5);
});

test('carryClock() leaves a clock alone that is right, and after a panic', () => {
  const sys = new FakeSys();
  sys.wallClockMs = LEFT_MS + 60;
  assert.equal(arrive(sys, 60), 0);
  sys.wallClockMs = 5;
  assert.equal(arrive(sys, 60, { mode: 'crash' }), 0);
  assert.equal(arrive(sys, 60, { leaveRealtimeMs: 0 }), 0);
  assert.equal(sys.wallClockMs, 5);
});
