import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { failure } from '../base/errors.fixture.ts';
import { TorporError } from '../base/errors.ts';
import { PAGE_BYTES, physAddr } from '../base/units.ts';
import { writeBlock } from './block.ts';
import { FAKE_BOOT_ID, FAKE_FIRMWARE, FAKE_PLAN, fakeMachine, park, setState } from './fake.ts';
import {
  CONTROL,
  HEADER,
  HEADER_CHECKED_BYTES,
  MAILBOX_BYTES,
  OFFSET,
  PLAN_BLOCK_BYTES,
  RECORD,
  RECORD_BYTES,
  RECORD_CRC_OFFSET,
  RECORD_STATIC_OFFSET,
  STATE,
  SWITCHBOARD_BYTES,
} from './layout.ts';
import { MAPPED_LIMIT_BYTES } from './page-tables.ts';
import { HOME_MEMORY } from './record.ts';
import { Switchboard } from './switchboard.ts';

const BASE = FAKE_PLAN.switchboard.start;

/** Home is parked, slot 1 runs, slot 2 is loaded. */
function machine() {
  const made = fakeMachine();
  const { bytes, switchboard } = made;
  park(made, 1, 'debian12');
  setState(bytes, 0, 'parked', 0x1234_5000);
  setState(bytes, 1, 'running');
  const { memory } = FAKE_PLAN.slots[1]!;
  switchboard.setLoaded(2, physAddr(memory.start + 0x10_0000), physAddr(memory.start + 0x9_0000));
  CONTROL.encodeInto(bytes, { current: 1n, target: 1n, sequence: 3n, mode: 1n }, OFFSET.control);
  return { ...made, switchboard: Switchboard.open(made.region) };
}

/** Makes the checksums right again after a change. */
function seal(bytes: Uint8Array): void {
  HEADER.encodeInto(bytes, { crc: crc32(bytes.subarray(16, HEADER_CHECKED_BYTES)) });
  for (let at = OFFSET.records; at < OFFSET.records + 16 * RECORD_BYTES; at += RECORD_BYTES) {
    RECORD.encodeInto(
      bytes,
      { crc: crc32(bytes.subarray(at + RECORD_STATIC_OFFSET, at + RECORD_CRC_OFFSET)) },
      at,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = view.getUint32(OFFSET.plan, true);
  view.setUint32(OFFSET.plan + 4, crc32(bytes.subarray(OFFSET.plan + 8, OFFSET.plan + 8 + length)), true);
}

test('a new switchboard has home running and empty slots', () => {
  const { switchboard, region } = fakeMachine();
  const again = Switchboard.open(region);
  assert.deepEqual(again.plan, FAKE_PLAN);
  assert.deepEqual(again.firmware, FAKE_FIRMWARE);
  assert.equal(again.homeBootId, FAKE_BOOT_ID);
  assert.equal(again.slots, 4);
  const home = again.running();
  assert.equal(home.index, 0);
  assert.equal(home.name, 'monitor');
  assert.deepEqual(home.memory, HOME_MEMORY);
  assert.equal(home.stub, BASE + OFFSET.homeStub);
  for (const record of again.records().slice(1)) {
    const planned = FAKE_PLAN.slots[record.index - 1]!;
    assert.equal(record.state, 'empty');
    assert.deepEqual(
      [record.memory, record.low, record.stub],
      [planned.memory, planned.low, planned.memory.start],
    );
    assert.equal(again.readMailbox(record.index), null);
  }
  assert.equal(again.readLastSwitch(), null);
  assert.deepEqual(switchboard.control(), {
    ...{
      current: 0,
      target: 0,
      crashSlot: 0,
      sequence: 0,
      previous: 0,
      mode: null,
      refused: false,
    },
    ...{ tscLeave: 0n, leaveRealtimeMs: 0, tscEnter: 0n, tscExit: 0n },
  });
});

test('what one view writes, another one reads', () => {
  const { switchboard, region } = machine();
  switchboard.describe(3, { name: 'tiny', joined: true, sinceMs: 5 });
  switchboard.setTarget(2, 77n, 0);
  switchboard.setCrashSlot(3);
  switchboard.writeMailbox(3, { kind: 'x' });
  switchboard.writeLastSwitch({ sequence: 3 });
  const again = Switchboard.open(region);
  const { target, tscLeave, crashSlot, mode } = again.control();
  assert.deepEqual(
    { target, tscLeave, crashSlot, mode },
    { target: 2, tscLeave: 77n, crashSlot: 3, mode: 'park' },
  );
  assert.equal(again.record(3).name, 'tiny');
  assert.deepEqual([again.readMailbox(3), again.readMailbox(2)], [{ kind: 'x' }, null]);
  assert.deepEqual(again.readLastSwitch(), { sequence: 3 });
  again.setEmpty(3, 6);
  const { name, joined, state, sinceMs } = switchboard.record(3);
  assert.deepEqual({ name, joined, state, sinceMs }, { name: '', joined: false, state: 'empty', sinceMs: 6 });
  assert.equal(switchboard.readMailbox(3), null);
});

test('create() writes over whatever was there', () => {
  const { region, bytes } = machine();
  const home = { name: 'new', kernelRelease: '7.2.0', bootId: 'b', sinceMs: 9 };
  bytes.fill(0xff);
  const made = Switchboard.create(region, {
    plan: FAKE_PLAN,
    firmware: FAKE_FIRMWARE,
    home,
    processor: { bootApicId: 0, canWake: true },
  });
  assert.deepEqual([made.running().name, made.homeBootId], ['new', 'b']);
});

test('messages of 16 KiB fit a mailbox, longer ones change nothing', () => {
  const { switchboard } = machine();
  const longest = 'x'.repeat(MAILBOX_BYTES - 10);
  switchboard.writeMailbox(2, longest);
  failure('E_MAILBOX', () => switchboard.writeMailbox(2, `${longest}x`));
  assert.equal(switchboard.readMailbox(2), longest);
  assert.equal(switchboard.readMailbox(3), null);
});

const setControl = (fields: Parameters<typeof CONTROL.encodeInto>[1]) => (bytes: Uint8Array) =>
  CONTROL.encodeInto(bytes, fields, OFFSET.control);
const setRecord = (slot: number, fields: Parameters<typeof RECORD.encodeInto>[1]) => (bytes: Uint8Array) =>
  RECORD.encodeInto(bytes, fields, OFFSET.records + slot * RECORD_BYTES);
const flip =
  (offset: number, mask = 0xff) =>
  (bytes: Uint8Array): void => {
    bytes[offset]! ^= mask;
  };
const homeEntry = (address: number) => setRecord(0, { entry: BigInt(address) });
const guest = FAKE_PLAN.slots[2]!;

const broken: [string, (bytes: Uint8Array) => void, string][] = [
  ['no magic', (bytes) => bytes.fill(0, 0, 8), 'MAGIC'],
  ['another magic', flip(7), 'MAGIC'],
  ['only zeros', (bytes) => bytes.fill(0), 'MAGIC'],
  ['only ones', (bytes) => bytes.fill(0xff), 'MAGIC'],
  ['version 2', (bytes) => HEADER.encodeInto(bytes, { version: 2 }), 'VERSION'],
  ['a wrong header checksum', flip(12, 1), 'CHECKSUM'],
  ['a flipped byte in the header', flip(50), 'CHECKSUM'],
  ['a flipped byte behind the fields of the header', flip(200), 'CHECKSUM'],
  ['a flipped byte in the trampoline', flip(OFFSET.trampoline + 100, 1), 'CHECKSUM'],
  ['a byte behind the trampoline', flip(OFFSET.trampoline + PAGE_BYTES - 1, 1), 'CHECKSUM'],
  ['a present entry in the 5-level root', flip(OFFSET.pml5 + 8, 1), 'CHECKSUM'],
  ['a missing 4-level root', flip(OFFSET.pml5, 1), 'CHECKSUM'],
  ['a leaf elsewhere', flip(OFFSET.pdpt + 8 * 3 + 4), 'CHECKSUM'],
  ['a leaf that is no leaf', flip(OFFSET.pdpt + 8, 0x80), 'CHECKSUM'],
  ['a flipped byte in a name', flip(OFFSET.records + RECORD_BYTES + 96), 'CHECKSUM'],
  ['a wrong record checksum', flip(OFFSET.records + RECORD_CRC_OFFSET), 'CHECKSUM'],
  ['a flipped byte in the plan', flip(OFFSET.plan + 30), 'CHECKSUM'],
  ['a plan of 4 GiB', flip(OFFSET.plan + 3), 'CHECKSUM'],
  ['a plan that is not JSON', (bytes) => writeText(bytes, '{"plan":'), 'CHECKSUM'],
  ['a plan of another shape', (bytes) => writeBlock(planOf(bytes), { plan: {} }), 'VALUE'],
  ['no plan', (bytes) => writeBlock(planOf(bytes), null), 'VALUE'],
  ['current = 4 of 4 slots', setControl({ current: 4n }), 'VALUE'],
  ['a huge target', setControl({ target: 1n << 40n }), 'VALUE'],
  ['crash slot 16', setControl({ crashSlot: 16n }), 'VALUE'],
  ['previous = -1', setControl({ previous: (1n << 64n) - 1n }), 'VALUE'],
  ['mode 4', setControl({ mode: 4n }), 'VALUE'],
  ['refusal 2', setControl({ refusal: 2n }), 'VALUE'],
  ['an absurd sequence', setControl({ sequence: 1n << 63n }), 'VALUE'],
  ['an unknown state', setRecord(3, { state: 9n }), 'VALUE'],
  ['nobody running', setRecord(1, { state: BigInt(STATE.empty) }), 'VALUE'],
  ['two running', setRecord(3, { state: BigInt(STATE.running) }), 'VALUE'],
  ['another one running than current', setControl({ current: 0n }), 'VALUE'],
  ['a loaded entry in the slot beside', setRecord(2, { entry: BigInt(guest.memory.start) }), 'VALUE'],
  ['a loaded argument in the slot beside', setRecord(2, { argument: BigInt(guest.memory.start) }), 'VALUE'],
  ["home's entry in a slot", homeEntry(guest.memory.start), 'VALUE'],
  ["home's entry in the last byte of a slot", homeEntry(guest.memory.end - 1), 'VALUE'],
  ["home's entry in a low slice", homeEntry(guest.low.start + 1), 'VALUE'],
  ["home's entry in the switchboard", homeEntry(BASE), 'VALUE'],
  ["home's entry in its own stub", homeEntry(BASE + OFFSET.homeStub), 'VALUE'],
  ["home's entry above the mapped memory", homeEntry(MAPPED_LIMIT_BYTES), 'VALUE'],
  ["home's entry at 2^52", homeEntry(2 ** 52), 'VALUE'],
  ["home's entry above 52 bits", homeEntry(2 ** 60), 'VALUE'],
  ['no entry of home', homeEntry(0), 'VALUE'],
];
for (const [what, damage, code] of broken) {
  test(`a switchboard with ${what} is refused`, () => {
    const { bytes, region } = machine();
    damage(bytes);
    const { hint } = failure(`E_SWITCHBOARD_${code}` as 'E_SWITCHBOARD_VALUE', () =>
      Switchboard.open(region),
    );
    assert.ok(hint);
  });
}

const sealed: [string, (bytes: Uint8Array) => void, string][] = [
  ['another base', (bytes) => HEADER.encodeInto(bytes, { base: 0x1000_0000n }), 'CHECKSUM'],
  ['another size', (bytes) => HEADER.encodeInto(bytes, { sizeBytes: 0x20_0000n }), 'CHECKSUM'],
  ['no slots', (bytes) => HEADER.encodeInto(bytes, { slots: 0 }), 'CHECKSUM'],
  ['17 slots', (bytes) => HEADER.encodeInto(bytes, { slots: 17 }), 'CHECKSUM'],
  ['more slots than the plan', (bytes) => HEADER.encodeInto(bytes, { slots: 5 }), 'VALUE'],
  [
    "a slot that reaches into another's memory",
    setRecord(1, { memoryEnd: BigInt(guest.memory.end) }),
    'VALUE',
  ],
  ['a slot with another low slice', setRecord(1, { lowEnd: 0x9_0000n }), 'VALUE'],
  ['a slot whose stub is elsewhere', setRecord(1, { stub: BigInt(guest.memory.start) }), 'VALUE'],
  ['a home that is smaller', setRecord(0, { memoryEnd: 1n << 40n }), 'VALUE'],
  ["a home whose stub is in another's memory", setRecord(0, { stub: BigInt(guest.memory.start) }), 'VALUE'],
];
for (const [what, damage, code] of sealed) {
  test(`a switchboard with ${what} is refused although its checksums are right`, () => {
    const { bytes, region } = machine();
    damage(bytes);
    seal(bytes);
    failure(`E_SWITCHBOARD_${code}` as 'E_SWITCHBOARD_VALUE', () => Switchboard.open(region));
  });
}

const planOf = (bytes: Uint8Array): Uint8Array => bytes.subarray(OFFSET.plan, OFFSET.plan + PLAN_BLOCK_BYTES);

/** A plan block with a right checksum over any text. */
function writeText(bytes: Uint8Array, text: string): void {
  const area = Buffer.from(bytes.buffer, bytes.byteOffset + OFFSET.plan, PLAN_BLOCK_BYTES);
  area.write(text, 8);
  area.writeUInt32LE(text.length, 0);
  area.writeUInt32LE(crc32(text), 4);
}

test("the processor's accessed and dirty bits in the page tables are no damage", () => {
  const { bytes, region } = machine();
  for (let at: number = OFFSET.pml5; at < OFFSET.pdpt + PAGE_BYTES; at += 8) bytes[at]! |= 0x60;
  assert.equal(Switchboard.open(region).running().name, 'debian12');
});

test("home's entry may stand anywhere else", () => {
  const { bytes, region } = machine();
  for (const address of [0x1000, BASE - 1, BASE - 1, guest.memory.end]) {
    homeEntry(address)(bytes);
    assert.equal(Switchboard.open(region).record(0).entry, address);
  }
});

test('a damaged mailbox is E_MAILBOX and hides nothing else', () => {
  const { bytes, region } = machine();
  const at = OFFSET.mailboxes + 2 * MAILBOX_BYTES;
  bytes.fill(0xff, at, at + 8);
  const switchboard = Switchboard.open(region);
  failure('E_MAILBOX', () => switchboard.readMailbox(2));
  assert.equal(switchboard.readMailbox(1), null);
  switchboard.writeMailbox(2, null);
  assert.equal(switchboard.readMailbox(2), null);
});

test('random damage anywhere gives a TorporError or a switchboard that can be used', () => {
  const { bytes, region } = machine();
  const valid = bytes.slice();
  const areas = [
    [0, 256],
    [OFFSET.trampoline, 0x200],
    [OFFSET.control, 80],
    [OFFSET.records, 4 * RECORD_BYTES],
    [OFFSET.plan, 1024],
    [OFFSET.mailboxes, 4 * MAILBOX_BYTES],
    [OFFSET.lastSwitch, 64],
    [0, SWITCHBOARD_BYTES],
  ] as const;
  const offset = fc.oneof(...areas.map(([start, size]) => fc.integer({ min: start, max: start + size - 1 })));
  const change = fc.tuple(offset, fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 2, 3, 4, 0xff)));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), fc.boolean(), (changes, right) => {
      bytes.set(valid);
      for (const [at, byte] of changes) bytes[at] = byte;
      if (right) seal(bytes);
      const tolerate = (action: () => unknown): void => {
        try {
          action();
        } catch (error) {
          assert.ok(error instanceof TorporError, String(error instanceof Error ? error.stack : error));
        }
      };
      tolerate(() => {
        const switchboard = Switchboard.open(region);
        switchboard.running();
        tolerate(() => switchboard.readLastSwitch());
        for (const { index } of switchboard.records()) tolerate(() => switchboard.readMailbox(index));
      });
    }),
    { numRuns: 400 },
  );
});
