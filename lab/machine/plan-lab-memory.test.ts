import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GIB, MIB } from '../../src/base/units.ts';
import { decodePlanArguments } from '../../src/memory/plan-arguments.ts';
import { DEFAULT_CONFIG } from '../config/default-config.ts';
import { parseLabConfig } from '../config/lab-config.ts';
import { planLabMemory } from './plan-lab-memory.ts';

const CONFIG = parseLabConfig(DEFAULT_CONFIG);
const withGuests = (count: number, memoryBytes: number) =>
  Array.from({ length: count }, () => ({ ...CONFIG.guests[0]!, memoryBytes }));

for (const firmware of ['bios', 'uefi'] as const) {
  test(`planLabMemory() gives the OSes what they ask for, on ${firmware}`, () => {
    const { memoryBytes, planArguments } = planLabMemory({ ...CONFIG, firmware });
    const plan = decodePlanArguments(planArguments.join(' '))!;
    assert.deepEqual(
      plan.slots.map(({ memory }) => (memory.end - memory.start) / MIB),
      [256, 512, 512],
    );
    assert.ok(memoryBytes >= (512 + 256 + 512 + 512) * MIB && memoryBytes < 2 * GIB);
  });

  test(`planLabMemory() finds room around the hole below 4 GiB, on ${firmware}`, () => {
    const { memoryBytes, planArguments } = planLabMemory({
      ...CONFIG,
      firmware,
      guests: withGuests(7, 640 * MIB),
    });
    assert.equal(decodePlanArguments(planArguments.join(' '))!.slots.length, 7);
    assert.ok(memoryBytes < 7 * GIB, String(memoryBytes));
  });
}

test('planLabMemory() keeps to the size that was asked for, or says what does not fit', () => {
  assert.equal(planLabMemory({ ...CONFIG, memoryBytes: 4 * GIB }).memoryBytes, 4 * GIB);
  assert.throws(() => planLabMemory({ ...CONFIG, memoryBytes: GIB }), { code: 'E_PLAN_NO_ROOM' });
});

test('planLabMemory() reserves nothing without guests', () => {
  assert.deepEqual(planLabMemory({ ...CONFIG, guests: [] }).planArguments, []);
});
