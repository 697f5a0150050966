import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeMachine, leaveAndReturn, park } from '../switchboard/fake.ts';
import { OFFSET } from '../switchboard/layout.ts';
import { readStatus } from './status.ts';
import { switchTo } from './travel.ts';

test('the status has every slot, and home has no size', () => {
  const made = fakeMachine();
  park(made, 2, 'debian12');
  made.switchboard.describe(2, { crashArmed: true, sinceMs: Date.UTC(2026, 0, 2) });
  const { running, switches, slots, lastSwitch } = readStatus(made.switchboard);
  assert.deepEqual({ running, switches, lastSwitch }, { running: 'monitor', switches: 0, lastSwitch: null });
  const rows = slots.map(({ slot, name, state, memoryBytes, crashArmed }) => [
    slot,
    name,
    state,
    memoryBytes,
    crashArmed,
  ]);
  assert.deepEqual(rows, [
    [0, 'monitor', 'running', null, false],
    [1, '', 'empty', 64 * 2 ** 20, false],
    [2, 'debian12', 'parked', 256 * 2 ** 20, true],
    [3, '', 'empty', 128 * 2 ** 20, false],
  ]);
  assert.deepEqual([slots[2]!.since, slots[3]!.since], ['2026-01-02T00:00:00.000Z', null]);
});

test('the status shows the last switch', async () => {
  const made = fakeMachine();
  park(made, 1, 'a');
  made.sys.onReboot = () => leaveAndReturn(made, 1);
  const { report } = await switchTo(made.sys, made.switchboard, 1);
  const { lastSwitch, switches } = readStatus(made.switchboard);
  assert.deepEqual(lastSwitch, report);
  assert.equal(switches, 2);
});

test('a damaged or foreign last switch hides nothing else', () => {
  const { switchboard, bytes } = fakeMachine();
  switchboard.writeLastSwitch({ sequence: 'many' });
  assert.equal(readStatus(switchboard).lastSwitch, null);
  bytes[OFFSET.lastSwitch + 12]! ^= 1;
  assert.equal(readStatus(switchboard).lastSwitch, null);
  assert.equal(readStatus(switchboard).running, 'monitor');
});

test('the status shows where an OS came from, and an interrupted restore', () => {
  const made = fakeMachine();
  const { switchboard } = made;
  const [known, unknown] = ['ab'.repeat(16), 'cd'.repeat(16)];
  park(made, 1, 'a');
  park(made, 2, 'b');
  switchboard.describe(1, { snapshot: { id: known, generation: 2 } });
  switchboard.describe(2, { snapshot: { id: unknown, generation: 0 } });
  const unfinishedRestore = {
    ...{ id: known, digest: `sha256:${'0'.repeat(64)}`, reference: 'a@x', slot: 1, startedMs: 5 },
  };
  const status = readStatus(switchboard, { references: new Map([[known, 'a@x']]), unfinishedRestore });
  assert.deepEqual(
    status.slots.map(({ snapshot }) => snapshot),
    [
      null,
      { id: known, generation: 2, reference: 'a@x' },
      { id: unknown, generation: 0, reference: null },
      null,
    ],
  );
  assert.deepEqual(status.unfinishedRestore, unfinishedRestore);
  assert.equal(readStatus(switchboard).unfinishedRestore, null);
});
