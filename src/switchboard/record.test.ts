import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { failure } from '../base/errors.fixture.ts';
import { TorporError } from '../base/errors.ts';
import { rangeOf } from '../base/ranges.ts';
import { physAddr } from '../base/units.ts';
import { OFFSET, RECORD, RECORD_BYTES, RECORD_CRC_OFFSET, RECORD_STATIC_OFFSET, STATE } from './layout.ts';
import { decodeRecord, type SlotDescription, writeDescription, writeLive } from './record.ts';

const SLOT = 5;
const AT = OFFSET.records + SLOT * RECORD_BYTES;
const DESCRIPTION: SlotDescription = {
  stub: physAddr(0x4000_0000),
  memory: rangeOf(0x4000_0000, 0x1000_0000),
  low: rangeOf(0x2_0000, 0x8000),
  vmcoreinfo: { address: physAddr(0x4123_4000), sizeBytes: 4096 },
  sinceMs: 1_700_000_000_000,
  joined: true,
  crashArmed: false,
  name: 'debian-13',
  kernelRelease: '6.12.0-torpor',
  bootId: 'd9c1b5a4-1111-4222-8333-444455556666',
  snapshot: { id: '00112233445566778899aabbccddeeff', generation: 3 },
};
type Raw = Parameters<typeof RECORD.encodeInto>[1];

/** A parked record with raw changes and a right checksum. */
function recordWith(change: Raw): Uint8Array {
  const bytes = new Uint8Array(OFFSET.records + 16 * RECORD_BYTES);
  writeDescription(bytes, SLOT, DESCRIPTION);
  writeLive(bytes, SLOT, { state: 'parked', entry: physAddr(0x4000_1234) });
  RECORD.encodeInto(bytes, change, AT);
  seal(bytes);
  return bytes;
}

function seal(bytes: Uint8Array): void {
  const crc = crc32(bytes.subarray(AT + RECORD_STATIC_OFFSET, AT + RECORD_CRC_OFFSET));
  RECORD.encodeInto(bytes, { crc }, AT);
}

test('a record gives back what was written', () => {
  const expected = { ...DESCRIPTION, index: SLOT, state: 'parked', entry: 0x4000_1234, argument: 0 };
  assert.deepEqual(decodeRecord(recordWith({}), SLOT), expected);
  const bare = {
    low: null,
    vmcoreinfo: null,
    sinceMs: 0,
    joined: false,
    crashArmed: true,
    name: '',
    snapshot: null,
  };
  const bytes = recordWith({});
  writeDescription(bytes, SLOT, { ...DESCRIPTION, ...bare });
  assert.deepEqual(decodeRecord(bytes, SLOT), { ...expected, ...bare });
});

test('writeDescription() leaves the live part and the other records alone', () => {
  const bytes = new Uint8Array(OFFSET.records + 16 * RECORD_BYTES).fill(0xa5);
  writeDescription(bytes, SLOT, DESCRIPTION);
  const changed = [...bytes.keys()].filter((at) => bytes[at] !== 0xa5);
  assert.ok(changed.every((at) => at >= AT + RECORD_STATIC_OFFSET && at < AT + RECORD_BYTES));
});

const refused: [string, Raw, string][] = [
  ['an unknown state', { state: 5n }, 'state'],
  ['a huge state', { state: 1n << 63n }, 'state'],
  ['a parked slot without an entry', { entry: 0n }, 'entry'],
  ['an entry below the slot', { entry: 0x3fff_ffffn }, 'entry'],
  ['an entry behind the slot', { entry: 0x5000_0000n }, 'entry'],
  ['an entry above 52 bits', { entry: (1n << 64n) - 1n }, 'entry'],
  ['an argument outside a loaded slot', { state: BigInt(STATE.loaded), argument: 0x1000n }, 'argument'],
  ['memory that ends before it starts', { memoryEnd: 0x4000_0000n }, 'memory'],
  ['memory above 52 bits', { memoryEnd: 1n << 53n }, 'memory'],
  ['a low slice that ends before it starts', { lowStart: 0x3_0000n }, 'low slice'],
  ['a stub above 52 bits', { stub: 1n << 60n }, 'stub'],
  ['a note above 52 bits', { vmcoreinfoAddress: 1n << 60n }, 'vmcoreinfo'],
  ['a note of 64 GiB', { vmcoreinfoBytes: 1n << 36n }, 'size of vmcoreinfo'],
  ['a time that no calendar has', { sinceMs: 1n << 63n }, 'time'],
];
for (const [what, change, field] of refused) {
  test(`decodeRecord() refuses ${what}`, () => {
    const { facts } = failure('E_SWITCHBOARD_VALUE', () => decodeRecord(recordWith(change), SLOT));
    assert.deepEqual({ slot: facts.slot, field: facts.field }, { slot: SLOT, field });
  });
}

test('decodeRecord() refuses the end of all memory as an entry of home', () => {
  const change = { memoryStart: 0n, memoryEnd: 1n << 52n, entry: 1n << 52n };
  failure('E_SWITCHBOARD_VALUE', () => decodeRecord(recordWith(change), SLOT));
});

test('decodeRecord() notices every flipped bit of the static part', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: RECORD_STATIC_OFFSET, max: RECORD_BYTES - 1 }),
      fc.nat(7),
      (offset, bit) => {
        const bytes = recordWith({});
        bytes[AT + offset]! ^= 1 << bit;
        failure('E_SWITCHBOARD_CHECKSUM', () => decodeRecord(bytes, SLOT));
      },
    ),
  );
});

test('decodeRecord() answers any bytes with a record that can be used or a TorporError', () => {
  const any = fc.oneof(
    fc.uint8Array({ minLength: RECORD_BYTES, maxLength: RECORD_BYTES }),
    fc.array(fc.tuple(fc.nat(RECORD_BYTES - 1), fc.nat(255)), { maxLength: 6 }).map((changes) => {
      const bytes = recordWith({}).slice(AT, AT + RECORD_BYTES);
      for (const [at, byte] of changes) bytes[at] = byte;
      return bytes;
    }),
  );
  fc.assert(
    fc.property(any, fc.boolean(), (record, sealed) => {
      const bytes = recordWith({});
      bytes.set(record, AT);
      if (sealed) seal(bytes);
      try {
        const { entry, memory, state, sinceMs } = decodeRecord(bytes, SLOT);
        if (state === 'parked') assert.ok(entry >= memory.start && entry < memory.end);
        new Date(sinceMs).toISOString();
      } catch (error) {
        assert.ok(error instanceof TorporError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});
