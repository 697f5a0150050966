import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../../base/errors.fixture.ts';
import { rangeOf } from '../../base/ranges.ts';
import { MIB, physAddr } from '../../base/units.ts';
import { FAKE_PLAN, fakeMachine } from '../../switchboard/fake.ts';
import { readSlotMemory } from './slot-memory.ts';

const SLOT = FAKE_PLAN.slots[0]!.memory;
/** What of the slot can be mapped. */
const RANGE = rangeOf(SLOT.start, 4 * MIB);

function open() {
  const { sys, switchboard } = fakeMachine([RANGE]);
  const { bytes } = sys.mapPhysical(RANGE);
  for (let at = 0; at < bytes.length; at += 4096) bytes[at] = at / 4096;
  const mapped: number[] = [];
  const map = sys.mapPhysical.bind(sys);
  sys.mapPhysical = (range) => {
    mapped.push(range.start);
    return map(range);
  };
  return { memory: readSlotMemory(sys, switchboard.record(1)), bytes, mapped };
}

test('memory is read through windows that are mapped once', () => {
  const { memory, bytes, mapped } = open();
  assert.deepEqual(memory.read(RANGE.start, 4096), bytes.slice(0, 4096));
  assert.deepEqual(memory.read(physAddr(RANGE.start + 8192), 1), bytes.slice(8192, 8193));
  assert.deepEqual(mapped, [RANGE.start]);
  const across = memory.read(physAddr(RANGE.start + 2 * MIB - 5000), 10_000);
  assert.deepEqual(across, bytes.slice(2 * MIB - 5000, 2 * MIB + 5000));
  assert.deepEqual(memory.read(physAddr(RANGE.end - 1), 1), bytes.slice(-1));
  assert.deepEqual(mapped, [RANGE.start, RANGE.start + 2 * MIB]);
  memory.close();
});

test('what is read is a copy', () => {
  const { memory, bytes } = open();
  const copy = memory.read(RANGE.start, 8);
  bytes[0] = 99;
  assert.equal(copy[0], 0);
});

test('nothing outside the slot is read', () => {
  const { memory, mapped } = open();
  for (const [at, size] of [
    [SLOT.start - 1, 1],
    [SLOT.end - 1, 2],
    [SLOT.end, 1],
    [0, 8],
    [SLOT.start, 2 ** 40],
  ] as const) {
    failure('E_DEVMEM_REFUSED', () => memory.read(physAddr(at), size));
  }
  assert.deepEqual(mapped, []);
});
