import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TorporError } from '../base/errors.ts';
import { rangeOf, sizeOf } from '../base/ranges.ts';
import { GIB, KIB, MIB } from '../base/units.ts';
import { checkPlan } from './check-plan.ts';
import { FIRMWARE_SAMPLES, LAPTOP_8G, OVMF_2G, PC_BIOS_2G, SERVER_64G } from './firmware-map.fixture.ts';
import type { FirmwareMap, FirmwareRange } from './memory-plan.ts';
import { planMemory } from './plan-memory.ts';
import { reservations } from './reservations.ts';

const code = (name: string) => (error: unknown) => error instanceof TorporError && error.code === name;
const slots = (...mib: number[]) => mib.map((size) => ({ sizeBytes: size * MIB }));

test('one piece high below 4 GiB: switchboard, then the slots in order', () => {
  const { plan, homeBytes, warnings } = planMemory(PC_BIOS_2G, { slots: slots(512, 512, 256) });
  assert.equal(reservations(plan).length, 2);
  assert.equal(plan.switchboard.end, plan.slots[0]!.memory.start);
  assert.deepEqual(
    plan.slots.map((slot) => [slot.index, slot.memory.start, sizeOf(slot.memory) / MIB]),
    [
      [1, 0x2be00000, 512],
      [2, 0x4be00000, 512],
      [3, 0x6be00000, 256],
    ],
  );
  assert.deepEqual(
    plan.slots.map((slot) => slot.low),
    [rangeOf(0x10000, 0x10000), rangeOf(0x20000, 0x10000), rangeOf(0x30000, 0x10000)],
  );
  assert.deepEqual(warnings, []);
  assert.ok(homeBytes > 700 * MIB && homeBytes < 800 * MIB);
});

test('the margin at the top goes when the slots need it', () => {
  const { plan } = planMemory(LAPTOP_8G, { slots: slots(1540) });
  assert.equal(plan.slots[0]!.memory.end, 0x6b200000);
});

test('seven and eight slots have low slices on a PC; nine need smaller ones', () => {
  const seven = planMemory(PC_BIOS_2G, { slots: slots(...Array<number>(7).fill(128)) });
  assert.equal(seven.plan.slots.at(-1)!.low.end, 0x80000);
  assert.equal(planMemory(PC_BIOS_2G, { slots: slots(...Array<number>(8).fill(128)) }).plan.slots.length, 8);
  const nine = { slots: slots(...Array<number>(9).fill(128)) };
  assert.throws(() => planMemory(PC_BIOS_2G, nine), code('E_PLAN_LOW_SLICE'));
  assert.equal(planMemory(PC_BIOS_2G, { ...nine, lowSliceBytes: 48 * KIB }).plan.slots.length, 9);
});

test('fragmented low memory: one piece of it for the slices, another for home', () => {
  const { plan } = planMemory(LAPTOP_8G, { slots: slots(256, 256, 256, 256) });
  assert.equal(plan.slots.at(-1)!.low.end, 0x50000);
  assert.throws(
    () => planMemory(LAPTOP_8G, { slots: slots(256, 256, 256, 256, 256) }),
    code('E_PLAN_LOW_SLICE'),
  );
});

test('spills into several ranges below 4 GiB, then goes above with a warning', () => {
  const below = planMemory(LAPTOP_8G, { slots: slots(1400, 200) });
  assert.equal(below.plan.slots[0]!.memory.end <= 0x6b39f000, true);
  assert.equal(below.plan.slots[1]!.memory.start >= 0x6b3a1000, true);
  assert.equal(reservations(below.plan).length, 3);

  const above = planMemory(LAPTOP_8G, { slots: slots(2048, 2048) });
  assert.ok(above.plan.slots[0]!.memory.start >= 4 * GIB);
  assert.match(above.warnings[0]!, /slot 1, 2 lies above 4 GiB/);
  assert.throws(
    () => planMemory(LAPTOP_8G, { slots: slots(2048, 2048), below4G: true }),
    code('E_PLAN_NO_ROOM'),
  );

  const both = planMemory(LAPTOP_8G, { slots: slots(1200, 5900) });
  assert.ok(both.plan.slots[0]!.memory.end < 4 * GIB && both.plan.slots[1]!.memory.start >= 4 * GIB);
});

test('a server: four systems of 14 GiB', () => {
  const { plan, homeBytes } = planMemory(SERVER_64G, { slots: slots(14336, 14336, 14336, 14336) });
  assert.equal(reservations(plan).length, 2);
  assert.ok(homeBytes > 5 * GIB);
});

test('a place of one’s own choice is checked like any other', () => {
  const { plan } = planMemory(OVMF_2G, { slots: slots(512), at: 0x20000000 });
  assert.deepEqual(plan.switchboard, rangeOf(0x1ff00000, MIB));
  assert.throws(() => planMemory(OVMF_2G, { slots: slots(512), at: 0x60000000 }), code('E_PLAN_NOT_RAM'));
  assert.throws(() => planMemory(OVMF_2G, { slots: slots(512), at: 0x1000000 }), code('E_PLAN_NO_ROOM'));
  assert.throws(() => planMemory(OVMF_2G, { slots: slots(512), at: 0x20100000 }), code('E_PLAN_ALIGNMENT'));
});

test('wishes that cannot be met', () => {
  assert.throws(() => planMemory(PC_BIOS_2G, { slots: [] }), code('E_PLAN_SLOTS'));
  assert.throws(
    () => planMemory(PC_BIOS_2G, { slots: slots(...Array<number>(16).fill(64)) }),
    code('E_PLAN_SLOTS'),
  );
  assert.throws(() => planMemory(PC_BIOS_2G, { slots: slots(32) }), code('E_PLAN_SLOTS'));
  assert.throws(() => planMemory(PC_BIOS_2G, { slots: slots(513) }), code('E_PLAN_ALIGNMENT'));
  assert.throws(() => planMemory(PC_BIOS_2G, { slots: slots(1024, 1024) }), code('E_PLAN_NO_ROOM'));
  assert.throws(
    () => planMemory(PC_BIOS_2G, { slots: slots(256), lowSliceBytes: 32 * KIB }),
    code('E_PLAN_LOW_SLICE'),
  );
  assert.throws(() => planMemory([], { slots: slots(256) }), TorporError);
});

test('any wish on any machine: a plan that passes every check, or a coded error', () => {
  const type = fc.constantFrom<FirmwareRange['type']>('usable', 'usable', 'usable', 'reserved', 'acpi');
  const row = fc.record({
    gapPages: fc.nat({ max: 5000 }),
    pages: fc.integer({ min: 1, max: 900_000 }),
    type,
  });
  const machine = fc.oneof(
    fc.constantFrom(...Object.values(FIRMWARE_SAMPLES)),
    fc.array(row, { minLength: 1, maxLength: 6 }).map((list): FirmwareMap => {
      let position = MIB;
      const high = list.map(({ gapPages, pages, type }): FirmwareRange => {
        const range = { ...rangeOf(position + (gapPages + 1) * 4096, pages * 4096), type };
        position = range.end;
        return range;
      });
      return [{ ...rangeOf(0, 0x9fc00), type: 'usable' }, ...high];
    }),
  );
  const size = fc.integer({ min: 32, max: 1500 }).map((n) => ({ sizeBytes: n * 2 * MIB }));
  let planned = 0;
  fc.assert(
    fc.property(
      machine,
      fc.array(size, { minLength: 1, maxLength: 5 }),
      fc.boolean(),
      (firmware, wanted, below4G) => {
        try {
          const result = planMemory(firmware, { slots: wanted, below4G });
          planned += 1;
          checkPlan(result.plan, firmware);
          assert.deepEqual(
            result.plan.slots.map((slot) => sizeOf(slot.memory)),
            wanted.map((slot) => slot.sizeBytes),
          );
          if (below4G) assert.ok(result.plan.slots.every((slot) => slot.memory.end <= 4 * GIB));
        } catch (error) {
          assert.ok(code('E_PLAN_NO_ROOM')(error) || code('E_PLAN_LOW_SLICE')(error), String(error));
        }
      },
    ),
    { numRuns: 1000 },
  );
  assert.ok(planned > 50);
});
