import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TorporError } from '../base/errors.ts';
import { contains, overlaps, rangeOf } from '../base/ranges.ts';
import { GIB, MIB, physAddr } from '../base/units.ts';
import { FIRMWARE_SAMPLES, PC_BIOS_2G } from '../memory/firmware-map.fixture.ts';
import type { FirmwareMap, MemoryPlan } from '../memory/memory-plan.ts';
import { planMemory } from '../memory/plan-memory.ts';
import { guestMemoryMap, SLOT_HEADER_BYTES } from './guest-memory-map.ts';

const plan: MemoryPlan = {
  switchboard: rangeOf(0x1ff00000, MIB),
  slots: [
    { index: 1, memory: rangeOf(0x20000000, 256 * MIB), low: rangeOf(0x10000, 0x10000) },
    { index: 2, memory: rangeOf(0x30000000, 256 * MIB), low: rangeOf(0x20000, 0x10000) },
  ],
};
const rows = (map: FirmwareMap): string[] =>
  map.map((r) => `${r.start.toString(16)}-${r.end.toString(16)} ${r.type}`);

test('a guest on a BIOS PC sees its own RAM, everything else reserved, and no switchboard', () => {
  assert.deepEqual(rows(guestMemoryMap(PC_BIOS_2G, plan, 1)), [
    '0-10000 reserved',
    '10000-20000 usable',
    '20000-a0000 reserved',
    'f0000-100000 reserved',
    // A page is left out at 1 MiB: the kernel would join both and refuse to map the result.
    '101000-1ff00000 reserved',
    '20000000-20010000 reserved',
    '20010000-30000000 usable',
    '30000000-80000000 reserved',
    'feffc000-ff000000 reserved',
    'fffc0000-100000000 reserved',
  ]);
});

test('on every machine: own memory is RAM, no other is, and /dev/mem reaches what is not low', () => {
  for (const [name, firmware] of Object.entries(FIRMWARE_SAMPLES)) {
    const { plan } = planMemory(firmware, {
      slots: [{ sizeBytes: 256 * MIB }, { sizeBytes: 512 * MIB }, { sizeBytes: 128 * MIB }],
    });
    for (const slot of plan.slots) {
      const map = guestMemoryMap(firmware, plan, slot.index);
      const ram = map.filter((range) => range.type === 'usable').map(({ start, end }) => ({ start, end }));
      const memory = { start: physAddr(slot.memory.start + SLOT_HEADER_BYTES), end: slot.memory.end };
      assert.deepEqual(ram, [slot.low, memory], name);
      assert.ok(!map.some((range) => overlaps(range, plan.switchboard)), name);
      for (const other of plan.slots.filter((candidate) => candidate !== slot)) {
        const holder = map.find((range) => contains(range, other.memory));
        assert.ok(
          holder?.type === 'reserved' && holder.start >= MIB,
          `${name}: slot ${slot.index} can map slot ${other.index}`,
        );
      }
      const header = map.find((range) => overlaps(range, rangeOf(slot.memory.start, SLOT_HEADER_BYTES)));
      assert.ok(header?.type === 'reserved' && header.start >= MIB, name);
      for (const range of firmware.filter((r) => r.type === 'acpi' || r.type === 'nvs')) {
        assert.ok(
          map.some((row) => row.type === range.type && contains(row, range)),
          name,
        );
      }
    }
  }
});

test('RAM that crosses 1 MiB is parted from low reserved memory too', () => {
  const firmware: FirmwareMap = [{ ...rangeOf(0, 2 * GIB), type: 'usable' }];
  assert.deepEqual(rows(guestMemoryMap(firmware, plan, 2)), [
    '0-20000 reserved',
    '20000-30000 usable',
    '30000-100000 reserved',
    '101000-1ff00000 reserved',
    '20000000-30010000 reserved',
    '30010000-40000000 usable',
    '40000000-80000000 reserved',
  ]);
});

test('special memory is nobody’s but home’s', () => {
  const firmware: FirmwareMap = [
    ...PC_BIOS_2G,
    { ...rangeOf(4 * GIB, GIB), type: 'persistent' },
    { ...rangeOf(8 * GIB, GIB), type: 'soft-reserved' },
    { ...rangeOf(16 * GIB, GIB), type: 'unusable' },
  ];
  const map = guestMemoryMap(firmware, plan, 1);
  assert.deepEqual(rows(map.filter((range) => range.end > 4 * GIB)), [
    'fffc0000-140000000 reserved',
    '200000000-240000000 reserved',
    '400000000-440000000 unusable',
  ]);
});

test('refuses unknown slots, slots outside RAM and maps that are too long', () => {
  const code = (name: string) => (error: unknown) => error instanceof TorporError && error.code === name;
  assert.throws(() => guestMemoryMap(PC_BIOS_2G, plan, 3), code('E_PLAN_SLOTS'));
  assert.throws(() => guestMemoryMap(PC_BIOS_2G.slice(0, 3), plan, 1), code('E_PLAN_NOT_RAM'));
  const many: FirmwareMap = Array.from({ length: 130 }, (_, n) => ({
    ...rangeOf(4 * GIB + n * 2 * MIB, MIB),
    type: 'acpi' as const,
  }));
  assert.throws(() => guestMemoryMap([...PC_BIOS_2G, ...many], plan, 1), code('E_FIRMWARE_MAP'));
});
