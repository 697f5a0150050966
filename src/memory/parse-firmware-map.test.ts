import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TorporError } from '../base/errors.ts';
import { FIRMWARE_SAMPLES, PC_BIOS_2G } from './firmware-map.fixture.ts';
import type { FirmwareMap } from './memory-plan.ts';
import { parseFirmwareMap } from './parse-firmware-map.ts';

const refused = (error: unknown) => error instanceof TorporError && error.code === 'E_FIRMWARE_MAP';

const DMESG = `[    0.000000] Linux version 6.12.107
[    0.000000] BIOS-provided physical RAM map:
[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable
[    0.000000] BIOS-e820: [mem 0x000000000009fc00-0x000000000009ffff] reserved
[    0.000000] BIOS-e820: [mem 0x00000000000f0000-0x00000000000fffff] reserved
[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000007ffdffff] usable
[    0.000000] BIOS-e820: [mem 0x000000007ffe0000-0x000000007fffffff] reserved
[    0.000000] BIOS-e820: [mem 0x00000000feffc000-0x00000000feffffff] reserved
[    0.000000] BIOS-e820: [mem 0x00000000fffc0000-0x00000000ffffffff] reserved
[    0.000000] user: [mem 0x0000000000000000-0x000000000000ffff] usable
`;

test('reads dmesg with and without timestamps, and nothing but the firmware’s lines', () => {
  assert.deepEqual(parseFirmwareMap(DMESG), PC_BIOS_2G);
  assert.deepEqual(parseFirmwareMap(DMESG.replaceAll('[    0.000000] ', '')), PC_BIOS_2G);
  assert.deepEqual(
    parseFirmwareMap(DMESG.replaceAll('[    0.000000]', 'Nov 23 13:00:00 box kernel:')),
    PC_BIOS_2G,
  );
});

test('knows every type that a kernel prints', () => {
  const names = [
    'usable',
    'ACPI data',
    'ACPI NVS',
    'soft reserved',
    'persistent (type 7)',
    'persistent (type 12)',
    'type 20',
    'unusable',
  ];
  const text = names.map((name, n) => `BIOS-e820: [mem 0x${n}00000-0x${n}0ffff] ${name}`).join('\r\n');
  assert.deepEqual(
    parseFirmwareMap(text).map((range) => range.type),
    ['usable', 'acpi', 'nvs', 'soft-reserved', 'persistent', 'persistent', 'reserved', 'unusable'],
  );
});

test('reads JSON: a list, or a plan that holds one; numbers or hexadecimal text', () => {
  for (const map of Object.values(FIRMWARE_SAMPLES)) {
    const hexed = map.map((range) => ({ ...range, start: `0x${range.start.toString(16)}` }));
    assert.deepEqual(parseFirmwareMap(JSON.stringify(map, null, 2)), map);
    assert.deepEqual(parseFirmwareMap(JSON.stringify(hexed)), map);
    assert.deepEqual(parseFirmwareMap(JSON.stringify({ plan: {}, firmware: map })), map);
  }
});

test('says what is wrong', () => {
  for (const [text, why] of [
    ['', /no line/],
    ['hello', /no line/],
    ['BIOS-e820: [mem 0x100-0x0ff] usable', /line 1/],
    ['x\nBIOS-e820: [mem 0x0-0xff] toString', /line 2/],
    ['BIOS-e820: [mem 0x0-0xffffffffffffffff] usable', /line 1/],
    ['{', /JSON/],
    ['[]', /top level/],
    ['[{"start":0,"end":4096,"type":"RAM"}]', /0\.type/],
    ['[{"start":1.5,"end":4096,"type":"usable"}]', /0\.start/],
    ['[{"start":9,"end":9,"type":"usable"}]', /empty/],
    ['{"firmware":[{"start":0,"end":"4096","type":"usable"}]}', /end/],
    ['[{"start":0,"end":99,"type":"usable"},{"start":9,"end":199,"type":"nvs"}]', /overlap/],
  ] as const) {
    assert.throws(
      () => parseFirmwareMap(text),
      (error) => refused(error) && why.test((error as Error).message),
      text,
    );
  }
});

test('any text is a map or a coded error', () => {
  const line = fc
    .tuple(
      fc.bigInt({ min: 0n, max: 1n << 65n }),
      fc.bigInt({ min: 0n, max: 1n << 65n }),
      fc.constantFrom('usable', 'reserved', 'x'),
    )
    .map(([a, b, type]) => `BIOS-e820: [mem 0x${a.toString(16)}-0x${b.toString(16)}] ${type}`);
  const text = fc.oneof(
    fc.string(),
    fc.json(),
    fc.array(line).map((lines) => lines.join('\n')),
  );
  fc.assert(
    fc.property(text, (input) => {
      let map: FirmwareMap;
      try {
        map = parseFirmwareMap(input);
      } catch (error) {
        assert.ok(refused(error), String(error));
        return;
      }
      assert.ok(map.every((range) => range.start < range.end));
    }),
    { numRuns: 1000 },
  );
});
