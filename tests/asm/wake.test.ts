import assert from 'node:assert/strict';
import { test } from 'node:test';
import { physAddr } from '../../src/base/units.ts';
import { encodeTrampoline } from '../../src/switchboard/code.ts';
import { FAKE_PLAN, type Leaver } from '../../src/switchboard/fake.ts';
import { HOME_WAKE_PAGE, OFFSET, STATE } from '../../src/switchboard/layout.ts';
import { labelOffset } from '../support/listing.ts';
import {
  APIC,
  BASE,
  board,
  CR4_LA57,
  control,
  entryOf,
  MSR_APIC_BASE,
  processorIn,
  RESET,
  type Run,
  record,
  runCode,
  X2APIC,
} from '../support/trampoline-runner.ts';
import { X86 } from '../support/x86-interpreter.ts';

const CR4_PAE = 0x20n;
const CR4_OTHER = 0x6_0680n;
const BOOT_APIC_ID = 4;
/** The parts of the code that is copied for the boot processor. */
const at = (name: string): number => labelOffset(name) - labelOffset('wake_start');
/** wake_long, which the listing calls by the label before. */
const LONG_MODE = at('wake_gdt_end');
const WAKE_BYTES = at('wake_base') + 8;

const crashOn = (slot: number, apicId: number): Leaver => ({
  slot,
  mode: 'crash',
  reentry: physAddr(0),
  apicId,
});
const machine = (canWake = 1n): Uint8Array =>
  board(
    { 0: 'parked', 1: 'running', 2: 'parked' },
    { bootApicId: BigInt(BOOT_APIC_ID), canWake, crashSlot: 0n },
  );

/** The page for the boot processor, as the crashed kernel's processor has made it. */
function checkPage(low: Uint8Array, page: number, cr4: bigint): void {
  const expected = encodeTrampoline().slice(
    labelOffset('wake_start'),
    labelOffset('wake_start') + WAKE_BYTES,
  );
  const patched = new DataView(expected.buffer);
  patched.setUint32(at('wake_gdtr') + 2, page + at('wake_gdt'), true);
  patched.setUint32(at('wake_far'), page + LONG_MODE, true);
  patched.setUint32(at('wake_cr3'), BASE + (cr4 & CR4_LA57 ? OFFSET.pml5 : OFFSET.pml4), true);
  patched.setUint32(at('wake_cr4'), Number(cr4 & (CR4_PAE | CR4_LA57)), true);
  patched.setBigUint64(at('wake_base'), BigInt(BASE), true);
  assert.deepEqual(low.slice(page, page + WAKE_BYTES), expected);
}

/** The boot processor from the end of the copied code's real mode on. */
function runBootProcessor(bytes: Uint8Array, low: Uint8Array, page: number): { cpu: X86; jump: bigint } {
  const view = new DataView(low.buffer, page, WAKE_BYTES);
  const cpu = new X86([
    { base: BASE, bytes },
    { base: 0, bytes: low },
  ]);
  cpu.rip = BigInt(view.getUint32(at('wake_far'), true));
  cpu.cr[0] = 0x8001_0001n;
  cpu.cr[3] = BigInt(view.getUint32(at('wake_cr3'), true));
  cpu.cr[4] = BigInt(view.getUint32(at('wake_cr4'), true));
  cpu.apicId = BOOT_APIC_ID;
  cpu.direction = false;
  const stop = cpu.run();
  assert.equal(stop.kind, 'left');
  return { cpu, jump: stop.kind === 'left' ? stop.rip : 0n };
}

function checkCrashSlotEntered(bytes: Uint8Array): void {
  assert.equal(control(bytes).current, 0n);
  assert.equal(control(bytes).sequence, 42n);
  assert.deepEqual(
    [record(bytes, 0).state, record(bytes, 1).state],
    [BigInt(STATE.running), BigInt(STATE.crashed)],
  );
}

test('a crash on the boot processor enters the crash slot at once', () => {
  for (const canWake of [0n, 1n]) {
    const bytes = machine(canWake);
    const { entered, low } = runCode(bytes, crashOn(1, BOOT_APIC_ID));
    assert.deepEqual(entered, { jump: BigInt(entryOf(0)) });
    assert.ok(low.every((byte) => byte === 0));
    checkCrashSlotEntered(bytes);
  }
});

test('a crash elsewhere, where the firmware wakes nobody, resets the machine', () => {
  const bytes = machine(0n);
  const { cpu, entered, low } = runCode(bytes, crashOn(1, 5));
  assert.equal(entered, null);
  assert.deepEqual(cpu.outputs, RESET);
  assert.ok(low.every((byte) => byte === 0));
});

for (const [what, cr4] of [
  ['4-level', CR4_PAE | CR4_OTHER],
  ['5-level', CR4_PAE | CR4_OTHER | CR4_LA57],
] as const) {
  test(`a crash elsewhere wakes the boot processor, which enters the crash slot (${what})`, () => {
    const bytes = machine();
    const { start } = FAKE_PLAN.slots[0]!.low;
    const run: Run = runCode(bytes, crashOn(1, 5), cr4);
    assert.equal(run.entered, null, "the crashed kernel's processor halts");
    checkPage(run.low, start, cr4);
    checkWarmReset(run, start);
    assert.equal(control(bytes).sequence, 41n, 'nobody is entered before');
    const { cpu, jump } = runBootProcessor(bytes, run.low, start);
    assert.equal(jump, BigInt(entryOf(0)));
    assert.equal(cpu.readMemory(cpu.get('rsp'), 8), record(bytes, 0).stub);
    assert.deepEqual(cpu.segments, [0x18, 0, 0x18, 0x18, 0, 0]);
    checkCrashSlotEntered(bytes);
  });
}

test('a crash of home elsewhere uses a page of its own', () => {
  const bytes = board({ 0: 'running', 2: 'parked' }, { bootApicId: 0n, canWake: 1n, crashSlot: 0n });
  const run = runCode(bytes, crashOn(0, 1), CR4_PAE);
  checkPage(run.low, HOME_WAKE_PAGE, CR4_PAE);
  assert.equal(runBootProcessor(bytes, run.low, HOME_WAKE_PAGE).jump, BigInt(entryOf(2)));
});

test('a processor without CPUID leaf 0x0b is known by leaf 1', () => {
  for (const [apicId, wakes] of [
    [BOOT_APIC_ID, false],
    [5, true],
  ] as const) {
    const { cpu } = processorIn(machine(), crashOn(1, apicId));
    cpu.hasTopology = false;
    assert.equal(cpu.run().kind === 'halted', wakes);
  }
});

test('the messages to the boot processor are INIT, its end, and two times the start at the page', () => {
  const page = FAKE_PLAN.slots[0]!.low.start >> 12;
  const expected = [0xc500, 0x8500, 0x4600 | page, 0x4600 | page];
  const old = processorIn(machine(), crashOn(1, 5));
  const sent: number[] = [];
  const write = old.cpu.writeMemory.bind(old.cpu);
  old.cpu.writeMemory = (address, sizeBytes, value) => {
    if (address === BigInt(APIC + 0x300)) {
      sent.push(Number(value));
      assert.equal(new DataView(old.apic.buffer).getUint32(0x310, true), BOOT_APIC_ID << 24);
    }
    write(address, sizeBytes, value);
  };
  old.cpu.run();
  assert.deepEqual(sent, expected);

  const { cpu, apic } = processorIn(machine(), crashOn(1, 5));
  cpu.msr.set(MSR_APIC_BASE, BigInt(APIC) | 0x900n | X2APIC);
  const written: bigint[] = [];
  const set = cpu.msr.set.bind(cpu.msr);
  cpu.msr.set = (register, value) => {
    assert.equal(register, 0x830);
    written.push(value);
    return set(register, value);
  };
  cpu.run();
  assert.deepEqual(
    written,
    expected.map((value) => (BigInt(BOOT_APIC_ID) << 32n) | BigInt(value)),
  );
  assert.ok(apic.every((byte) => byte === 0));
});

test('the descriptors for the boot processor are a null, a 64-bit code and a data segment', () => {
  const run = runCode(machine(), crashOn(1, 5), CR4_PAE);
  const page = FAKE_PLAN.slots[0]!.low.start;
  const view = new DataView(run.low.buffer, page, WAKE_BYTES);
  const gdt = at('wake_gdt');
  assert.equal(view.getUint16(at('wake_gdtr'), true), 4 * 8 - 1);
  assert.equal(view.getUint16(at('wake_far') + 4, true), 0x10);
  assert.deepEqual(
    [0, 8, 16, 24].map((offset) => view.getBigUint64(gdt + offset, true)),
    [0n, 0n, 0x00af_9b00_0000_ffffn, 0x00cf_9300_0000_ffffn],
  );
});

/** MultiProcessor Specification 1.4, B.4.1: CMOS says jump to the vector at 40:67, which leads to the page. */
function checkWarmReset({ cpu, low }: Run, page: number): void {
  assert.deepEqual(cpu.outputs, [
    { port: 0x70, value: 0x0f },
    { port: 0x71, value: 0x0a },
  ]);
  const view = new DataView(low.buffer);
  assert.equal(view.getUint16(0x469, true) * 16 + view.getUint16(0x467, true), page);
  assert.equal(view.getUint16(0x467, true), 0);
}
