import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { failure } from '../base/errors.fixture.ts';
import { TorporError } from '../base/errors.ts';
import { rangeOf } from '../base/ranges.ts';
import { FAKE_FIRMWARE, FAKE_PLAN } from './fake.ts';
import { decodePlanBlock, encodePlanBlock } from './plan-block.ts';

const good = (): unknown =>
  JSON.parse(JSON.stringify(encodePlanBlock({ plan: FAKE_PLAN, firmware: FAKE_FIRMWARE })));
const decode = (json: unknown) => decodePlanBlock(json, FAKE_PLAN.switchboard, 4);

test('a plan block gives back what was written', () => {
  assert.deepEqual(decode(good()), { plan: FAKE_PLAN, firmware: FAKE_FIRMWARE });
});

// biome-ignore lint/suspicious/noExplicitAny: JSON that is wrong on purpose
const damages: [string, (json: any) => void, string][] = [
  ['an empty range', (json) => Object.assign(json.plan.slots[1].low, { end: 0x1_0000 }), 'plan.slots.1.low'],
  [
    'an address above 52 bits',
    (json) => Object.assign(json.firmware[0], { end: 2 ** 52 + 4096 }),
    'firmware.0.end',
  ],
  [
    'a negative address',
    (json) => Object.assign(json.plan.switchboard, { start: -4096 }),
    'plan.switchboard.start',
  ],
  ['a fraction', (json) => Object.assign(json.plan.switchboard, { start: 0.5 }), 'plan.switchboard.start'],
  ['an unknown type', (json) => Object.assign(json.firmware[1], { type: 'ram' }), 'firmware.1.type'],
  ['slots in disorder', (json) => json.plan.slots.reverse(), 'plan.slots'],
  ['a missing slot', (json) => json.plan.slots.pop(), 'plan.slots'],
  ['16 slots', (json) => json.plan.slots.push(...Array(13).fill(json.plan.slots[0])), 'plan.slots'],
  [
    'another switchboard',
    (json) => Object.assign(json.plan.switchboard, rangeOf(0x1fe0_0000, 0x10_0000)),
    'plan.switchboard',
  ],
  ['no firmware map', (json) => delete json.firmware, 'firmware'],
];
for (const [what, damage, path] of damages) {
  test(`decodePlanBlock() refuses ${what}`, () => {
    const json = good();
    damage(json);
    assert.equal(failure('E_SWITCHBOARD_VALUE', () => decode(json)).facts.path, path);
  });
}

test('decodePlanBlock() answers any JSON with a plan or E_SWITCHBOARD_VALUE', () => {
  const number = fc.oneof(fc.integer(), fc.double(), fc.constantFrom(2 ** 52, 2 ** 53, -1, 0));
  const range = fc.record({ start: number, end: number });
  const slot = fc.record({ index: fc.oneof(number, fc.constant(1)), memory: range, low: range });
  const shaped = fc.record({
    plan: fc.record({
      switchboard: fc.oneof(range, fc.constant(FAKE_PLAN.switchboard)),
      slots: fc.array(slot, { maxLength: 2 }),
    }),
    firmware: fc.array(fc.record({ start: number, end: number, type: fc.constantFrom('usable', 'x') }), {
      maxLength: 2,
    }),
  });
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), shaped), fc.integer({ min: 1, max: 3 }), (json, records) => {
      try {
        const { plan } = decodePlanBlock(json, FAKE_PLAN.switchboard, records);
        assert.equal(plan.slots.length, records - 1);
      } catch (error) {
        assert.ok(error instanceof TorporError && error.code === 'E_SWITCHBOARD_VALUE', String(error));
      }
    }),
  );
});
