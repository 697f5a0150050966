import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCodeName } from '../base/error-codes.ts';
import { failure } from '../base/errors.fixture.ts';
import { physAddr } from '../base/units.ts';
import { fakeMachine, park, setState } from '../switchboard/fake.ts';
import { planSwitch } from './switch-os.ts';

function machine() {
  const made = fakeMachine();
  park(made, 1, 'debian12');
  return made;
}

test('planSwitch() takes a parked and a loaded OS', () => {
  const { switchboard } = machine();
  assert.equal(planSwitch(switchboard, 'debian12').index, 1);
  const { memory } = switchboard.record(1);
  switchboard.setLoaded(1, physAddr(memory.start + 0x200), memory.start);
  assert.equal(planSwitch(switchboard, 'debian12').state, 'loaded');
});

const refused: [string, 'crashed' | 'empty' | 'parked', ErrorCodeName][] = [
  ['debian12', 'crashed', 'E_OS_CRASHED'],
  ['debian12', 'empty', 'E_OS_EMPTY'],
  ['monitor', 'parked', 'E_OS_RUNNING'],
  ['nobody', 'parked', 'E_OS_UNKNOWN'],
];
for (const [name, state, code] of refused) {
  test(`planSwitch() to “${name}” with debian12 ${state} is ${code}`, () => {
    const { switchboard, bytes } = machine();
    if (state !== 'parked') setState(bytes, 1, state);
    const { facts, hint } = failure(code, () => planSwitch(switchboard, name));
    assert.equal(facts.name, name);
    assert.match(hint!, /`torpor /);
  });
}
