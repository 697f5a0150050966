import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCodeName } from '../base/error-codes.ts';
import { TorporError } from '../base/errors.ts';
import { rangeOf } from '../base/ranges.ts';
import { GIB, KIB, MIB } from '../base/units.ts';
import { checkPlan } from './check-plan.ts';
import { OVMF_2G, PC_BIOS_2G } from './firmware-map.fixture.ts';
import type { FirmwareMap, MemoryPlan, SlotPlan } from './memory-plan.ts';

const slot = (
  index: number,
  start: number,
  mib = 256,
  low = rangeOf(index * 0x10000, 0x10000),
): SlotPlan => ({
  index,
  memory: rangeOf(start, mib * MIB),
  low,
});
const good: MemoryPlan = {
  switchboard: rangeOf(0x1ff00000, MIB),
  slots: [slot(1, 0x20000000), slot(2, 0x30000000)],
};

test('a sound plan passes', () => {
  checkPlan(good, PC_BIOS_2G);
  checkPlan(good, OVMF_2G);
});

test('every rule has its own error', () => {
  const cases: [string, ErrorCodeName, RegExp, Partial<MemoryPlan>, FirmwareMap?][] = [
    ['no slot', 'E_PLAN_SLOTS', /1 to 15/, { slots: [] }],
    ['wrong order', 'E_PLAN_SLOTS', /stands at place 1/, { slots: [slot(2, 0x20000000)] }],
    ['small slot', 'E_PLAN_SLOTS', /at least 64 MiB/, { slots: [slot(1, 0x20000000, 62)] }],
    ['slot alignment', 'E_PLAN_ALIGNMENT', /aligned to 2 MiB/, { slots: [slot(1, 0x20100000)] }],
    ['slot size', 'E_PLAN_ALIGNMENT', /aligned to 2 MiB/, { slots: [slot(1, 0x20000000, 257)] }],
    [
      'low alignment',
      'E_PLAN_ALIGNMENT',
      /low slice/,
      { slots: [slot(1, 0x20000000, 256, rangeOf(0x10800, 0x10000))] },
    ],
    ['switchboard alignment', 'E_PLAN_ALIGNMENT', /1 MiB/, { switchboard: rangeOf(0x1ff80000, 512 * KIB) }],
    ['switchboard size', 'E_PLAN_ALIGNMENT', /not 1 MiB/, { switchboard: rangeOf(0x1fe00000, 2 * MIB) }],
    ['switchboard place', 'E_PLAN_ALIGNMENT', /directly below/, { switchboard: rangeOf(0x1fe00000, MIB) }],
    ['switchboard above', 'E_PLAN_ALIGNMENT', /directly below/, { switchboard: rangeOf(0x40000000, MIB) }],
    [
      'low too small',
      'E_PLAN_LOW_SLICE',
      /48 KiB/,
      { slots: [slot(1, 0x20000000, 256, rangeOf(0x10000, 0x8000))] },
    ],
    [
      'low at zero',
      'E_PLAN_LOW_SLICE',
      /not inside/,
      { slots: [slot(1, 0x20000000, 256, rangeOf(0, 0x10000))] },
    ],
    [
      'low above 636K',
      'E_PLAN_LOW_SLICE',
      /not inside/,
      { slots: [slot(1, 0x20000000, 256, rangeOf(0x90000, 0x10000))] },
    ],
    [
      'nothing low for home',
      'E_PLAN_LOW_SLICE',
      /home/,
      { slots: [slot(1, 0x20000000, 256, rangeOf(0x10000, 0x88000))] },
    ],
    [
      'slots overlap',
      'E_PLAN_OVERLAP',
      /slot 1.*slot 2/,
      { slots: [slot(1, 0x20000000), slot(2, 0x2fe00000)] },
    ],
    [
      'one inside another',
      'E_PLAN_OVERLAP',
      /overlap/,
      { slots: [slot(1, 0x20000000, 512), slot(2, 0x22000000, 64)] },
    ],
    [
      'slices overlap',
      'E_PLAN_OVERLAP',
      /low slice/,
      { slots: [slot(1, 0x20000000), slot(2, 0x30000000, 256, rangeOf(0x18000, 0x10000))] },
    ],
    ['switchboard inside', 'E_PLAN_OVERLAP', /switchboard/, { switchboard: rangeOf(0x20000000, MIB) }],
    [
      'over ACPI',
      'E_PLAN_NOT_RAM',
      /reserved .* lies in it/,
      { slots: [slot(1, 0x20000000, 1534)] },
      OVMF_2G,
    ],
    ['beyond memory', 'E_PLAN_NOT_RAM', /no RAM/, { slots: [slot(1, 0x20000000), slot(2, 4 * GIB)] }],
    [
      'home starves',
      'E_PLAN_NO_ROOM',
      /home would keep/,
      { switchboard: rangeOf(0x9f00000, MIB), slots: [slot(1, 0xa000000, 1880)] },
    ],
    [
      'over the kernel',
      'E_PLAN_NO_ROOM',
      /kernel is loaded/,
      { switchboard: rangeOf(0x1f00000, MIB), slots: [slot(1, 0x2000000)] },
    ],
  ];
  for (const [name, code, message, change, firmware] of cases) {
    assert.throws(
      () => checkPlan({ ...good, ...change }, firmware ?? PC_BIOS_2G),
      (error) =>
        error instanceof TorporError &&
        error.code === code &&
        message.test(error.message) &&
        error.hint !== undefined,
      name,
    );
  }
});

test('at most four pieces', () => {
  const spread = [1, 2, 3, 4].map((index) => slot(index, 0x20000000 + index * 0x10000000, 128));
  const plan = { switchboard: rangeOf(0x2ff00000, MIB), slots: spread };
  assert.throws(() => checkPlan(plan, PC_BIOS_2G), /5 memmap= regions/);
});
