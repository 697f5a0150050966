import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rangeOf } from '../base/ranges.ts';
import { MIB } from '../base/units.ts';
import { otherMemmap } from './other-memmap.ts';
import { encodePlanArguments } from './plan-arguments.ts';

test('counts only what is not the plan’s own', () => {
  const plan = {
    switchboard: rangeOf(0x1ff00000, MIB),
    slots: [{ index: 1, memory: rangeOf(0x20000000, 512 * MIB), low: rangeOf(0x10000, 0x10000) }],
  };
  const line = `quiet memmap=1M$0x7000000 ${encodePlanArguments(plan).join(' ')}`;
  assert.deepEqual(otherMemmap(line, plan), ['memmap=1M$0x7000000']);
  assert.equal(otherMemmap(line, null).length, 3);
  assert.deepEqual(otherMemmap('quiet', null), []);
});
