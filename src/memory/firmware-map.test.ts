import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TorporError } from '../base/errors.ts';
import { rangeOf } from '../base/ranges.ts';
import { physAddr } from '../base/units.ts';
import { FakeSys } from '../sys/fake.ts';
import { decodeE820, encodeE820 } from './e820.ts';
import { FIRMWARE_SAMPLES, PC_BIOS_2G } from './firmware-map.fixture.ts';
import { readFirmwareMap } from './firmware-map.ts';
import type { FirmwareMap, FirmwareRange } from './memory-plan.ts';
import { normaliseMap } from './normalise-map.ts';

const code = (name: string) => (error: unknown) => error instanceof TorporError && error.code === name;
const NAMES = {
  usable: 'System RAM',
  reserved: 'Reserved',
  acpi: 'ACPI Tables',
  nvs: 'ACPI Non-volatile Storage',
  unusable: 'Unusable memory',
  persistent: 'Persistent Memory',
  'soft-reserved': 'Soft Reserved',
} as const;

function memmapFiles(map: FirmwareMap): Record<string, string> {
  const files: Record<string, string> = {};
  for (const [index, range] of map.entries()) {
    files[`/sys/firmware/memmap/${index}/start`] = `0x${range.start.toString(16)}\n`;
    files[`/sys/firmware/memmap/${index}/end`] = `0x${(range.end - 1).toString(16)}\n`;
    files[`/sys/firmware/memmap/${index}/type`] = `${NAMES[range.type]}\n`;
  }
  return files;
}

test('reads /sys/firmware/memmap, whose ends are inclusive and whose names sort as text', () => {
  for (const map of Object.values(FIRMWARE_SAMPLES)) {
    assert.deepEqual(readFirmwareMap(new FakeSys({ files: memmapFiles(map) })), map);
  }
});

test('falls back to the e820 table of boot_params', () => {
  const page = new Uint8Array(4096);
  encodeE820(page, PC_BIOS_2G);
  assert.deepEqual(
    readFirmwareMap(new FakeSys({ files: { '/sys/kernel/boot_params/data': page } })),
    PC_BIOS_2G,
  );
  assert.throws(() => readFirmwareMap(new FakeSys()), code('E_NO_FIRMWARE_MAP'));
  const empty = { '/sys/kernel/boot_params/data': new Uint8Array(4096) };
  assert.throws(() => readFirmwareMap(new FakeSys({ files: empty })), code('E_NO_FIRMWARE_MAP'));
});

test('refuses entries that cannot be', () => {
  const files = memmapFiles(PC_BIOS_2G);
  for (const change of [
    { end: '0x0' },
    { start: 'zero' },
    { type: 'Something' },
    { end: '0xffffffffffffffff' },
  ]) {
    const [name, value] = Object.entries(change)[0]!;
    const changed = { ...files, [`/sys/firmware/memmap/4/${name}`]: value };
    assert.throws(() => readFirmwareMap(new FakeSys({ files: changed })), code('E_FIRMWARE_MAP'), name);
  }
  const { '/sys/firmware/memmap/2/type': _, ...missing } = files;
  assert.throws(() => readFirmwareMap(new FakeSys({ files: missing })), code('E_FIRMWARE_MAP'));
});

test('normalising sorts and merges; other types must not overlap', () => {
  const ram = (start: number, size: number): FirmwareRange => ({ ...rangeOf(start, size), type: 'usable' });
  assert.deepEqual(normaliseMap([ram(300, 50), ram(0, 100), ram(100, 100), ram(150, 20)]), [
    ram(0, 200),
    ram(300, 50),
  ]);
  assert.deepEqual(normaliseMap([{ start: physAddr(5), end: physAddr(5), type: 'usable' }]), []);
  assert.throws(
    () => normaliseMap([ram(0, 100), { ...rangeOf(99, 10), type: 'nvs' }]),
    code('E_FIRMWARE_MAP'),
  );
});

test('normalising is stable, and its result is ordered and apart', () => {
  const range = fc.record({
    start: fc.nat({ max: 60 }),
    size: fc.integer({ min: 1, max: 20 }),
    type: fc.constantFrom('usable', 'reserved', 'acpi'),
  });
  fc.assert(
    fc.property(fc.array(range, { maxLength: 8 }), (list) => {
      const ranges = list.map(({ start, size, type }): FirmwareRange => ({ ...rangeOf(start, size), type }));
      try {
        const map = normaliseMap(ranges);
        assert.deepEqual(normaliseMap(map.toReversed()), map);
        for (const [index, entry] of map.entries()) {
          const next = map[index + 1];
          if (next !== undefined)
            assert.ok(entry.end < next.start || (entry.end === next.start && entry.type !== next.type));
        }
        for (const entry of ranges) {
          assert.ok(map.some((m) => m.type === entry.type && m.start <= entry.start && entry.end <= m.end));
        }
      } catch (error) {
        assert.ok(code('E_FIRMWARE_MAP')(error), String(error));
      }
    }),
  );
});

test('any bytes decode to an e820 table or to a coded error', () => {
  const page = fc.uint8Array({ minLength: 0x1e0, maxLength: 0x2d0 + 200 });
  fc.assert(
    fc.property(page, fc.nat({ max: 255 }), (bytes, count) => {
      bytes[0x1e8] = count;
      try {
        for (const range of decodeE820(bytes)) assert.ok(range.start < range.end);
      } catch (error) {
        assert.ok(code('E_FIRMWARE_MAP')(error), String(error));
      }
    }),
    { numRuns: 1000 },
  );
});
