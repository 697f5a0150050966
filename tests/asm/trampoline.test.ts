import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PAGE_BYTES, physAddr } from '../../src/base/units.ts';
import { encodeStub, encodeTrampoline } from '../../src/switchboard/code.ts';
import {
  type Entered,
  FAKE_PLAN,
  fakeMachine,
  type Leaver,
  modelTrampoline,
  setState,
} from '../../src/switchboard/fake.ts';
import {
  CONTROL,
  LEAVE_MODE,
  MAX_SLOTS,
  OFFSET,
  RECORD,
  RECORD_BYTES,
  STATE,
} from '../../src/switchboard/layout.ts';
import { encodePageTables } from '../../src/switchboard/page-tables.ts';
import { X86 } from '../support/x86-interpreter.ts';
import { type MemoryPiece, REG } from '../support/x86-state.ts';

const BASE = FAKE_PLAN.switchboard.start;
const CR0_WP = 1n << 16n;
const CR4_LA57 = 1n << 12n;
const GARBAGE = 0xdead_beef_0bad_cafen;
/** The leaving kernel's stack, with the re-entry address on top. */
const KERNEL_STACK = 0x7000_0000;
const REENTRY = physAddr(0x6543_2100);
const TSC = 0x1_2345_6788n;

interface Run {
  readonly cpu: X86;
  /** Null when the machine was reset. */
  readonly entered: { readonly jump: bigint } | null;
}

/** Runs a kernel's stub and the trampoline on the switchboard `bytes`. */
function runCode(bytes: Uint8Array, leaver: Leaver, cr4 = 0n, stubAt = 0x6000_0000): Run {
  const stack = new Uint8Array(64);
  new DataView(stack.buffer).setBigUint64(0, BigInt(leaver.reentry), true);
  const cpu = new X86([
    { base: BASE, bytes },
    { base: stubAt, bytes: encodeStub(BASE, leaver.mode, leaver.slot) },
    { base: KERNEL_STACK, bytes: stack },
  ]);
  cpu.registers.fill(GARBAGE);
  cpu.set('rsp', KERNEL_STACK);
  cpu.rip = BigInt(stubAt);
  cpu.cr[0] = 0x8000_0001n;
  cpu.cr[3] = 0x1000n;
  cpu.cr[4] = cr4;
  cpu.tsc = TSC;
  const stop = cpu.run();
  return { cpu, entered: stop.kind === 'left' ? { jump: stop.rip } : null };
}

const control = (bytes: Uint8Array) => CONTROL.decode(bytes, OFFSET.control);
const record = (bytes: Uint8Array, slot: number) =>
  RECORD.decode(bytes, OFFSET.records + slot * RECORD_BYTES);

/** Home runs; slot n is in `states[n]`, entered at 0x1000n + its memory. */
function board(
  states: Partial<Record<number, keyof typeof STATE>>,
  fields: { target?: number; crashSlot?: number } = {},
): Uint8Array {
  const { bytes } = fakeMachine();
  for (const [key, state] of Object.entries(states)) {
    const slot = Number(key);
    setState(bytes, slot, state!, entryOf(slot));
    RECORD.encodeInto(bytes, { argument: BigInt(0x9_0000 + slot) }, OFFSET.records + slot * RECORD_BYTES);
  }
  const { target = 0, crashSlot = 0 } = fields;
  CONTROL.encodeInto(
    bytes,
    { target: BigInt(target), crashSlot: BigInt(crashSlot), sequence: 41n, refusal: 7n },
    OFFSET.control,
  );
  return bytes;
}
const entryOf = (slot: number): number => 0x2000_0000 + slot * 0x1000;

function checkResumed(run: Run, bytes: Uint8Array, slot: number, jump: number = entryOf(slot)): void {
  const { cpu, entered } = run;
  assert.deepEqual(entered, { jump: BigInt(jump) });
  assert.equal(
    cpu.readMemory(cpu.get('rsp'), 8),
    record(bytes, slot).stub,
    '0(%rsp) is the stub of the target',
  );
  assert.equal(cpu.cr[0] & CR0_WP, CR0_WP);
  assert.equal(cpu.cr[0] & ~CR0_WP, 0x8000_0001n, 'the rest of CR0 stays');
  checkEntered(bytes, slot);
}

function checkEntered(bytes: Uint8Array, slot: number): void {
  const { current, target, sequence } = control(bytes);
  assert.deepEqual(
    { current, target, sequence },
    { current: BigInt(slot), target: BigInt(slot), sequence: 42n },
  );
  assert.equal(record(bytes, slot).state, BigInt(STATE.running));
  assert.equal(record(bytes, slot).entry, 0n);
}

const parks = (slot: number): Leaver => ({ slot, mode: 'park', reentry: REENTRY });
const leaves = (slot: number): Leaver => ({ slot, mode: 'leave', reentry: physAddr(0) });
const crashes = (slot: number): Leaver => ({ slot, mode: 'crash', reentry: physAddr(0) });

test('the trampoline parks the leaver and resumes a parked target', () => {
  const bytes = board({ 0: 'running', 2: 'parked' }, { target: 2 });
  const run = runCode(bytes, parks(0));
  checkResumed(run, bytes, 2);
  assert.equal(record(bytes, 0).state, BigInt(STATE.parked));
  assert.equal(record(bytes, 0).entry, BigInt(REENTRY));
  const { previous, mode, refusal, tscEnter, tscExit } = control(bytes);
  assert.deepEqual({ previous, mode, refusal }, { previous: 0n, mode: BigInt(LEAVE_MODE.park), refusal: 0n });
  assert.deepEqual([tscEnter, tscExit], [TSC + 1n, TSC + 2n]);
  assert.equal(run.cpu.direction, false);
});

test('the trampoline enters a loaded target as the 64-bit boot protocol says', () => {
  const bytes = board({ 0: 'running', 3: 'loaded' }, { target: 3 });
  const { cpu, entered } = runCode(bytes, parks(0));
  assert.deepEqual(entered, { jump: BigInt(entryOf(3)) });
  assert.equal(cpu.get('rsi'), 0x9_0003n, '%rsi = boot_params');
  for (const name of ['rbx', 'rbp', 'rdi'] as const) assert.equal(cpu.get(name), 0n, name);
  assert.equal(cpu.get('rsp'), BigInt(BASE + OFFSET.stackTop));
  assert.equal(cpu.cr[0], 0x8000_0001n);
  checkEntered(bytes, 3);
});

for (const [what, cr4, root] of [
  ['4-level', 0n, OFFSET.pml4],
  ['5-level', CR4_LA57, OFFSET.pml5],
] as const) {
  test(`the stub loads the ${what} root`, () => {
    const { cpu } = runCode(board({ 0: 'running', 1: 'parked' }, { target: 1 }), parks(0), cr4 | 0x20n);
    assert.equal(cpu.cr[3], BigInt(BASE + root));
    assert.equal(cpu.cr[4], cr4 | 0x20n);
  });
}

test("home's stub works from inside the switchboard", () => {
  const bytes = board({ 0: 'running', 1: 'parked' }, { target: 1 });
  bytes.set(encodeStub(BASE, 'park', 0), OFFSET.homeStub);
  const stack = new Uint8Array(8);
  new DataView(stack.buffer).setBigUint64(0, BigInt(REENTRY), true);
  const cpu = new X86([
    { base: BASE, bytes },
    { base: KERNEL_STACK, bytes: stack },
  ]);
  cpu.set('rsp', KERNEL_STACK);
  cpu.rip = BigInt(BASE + OFFSET.homeStub);
  assert.deepEqual(cpu.run(), { kind: 'left', rip: BigInt(entryOf(1)) });
  assert.equal(record(bytes, 0).entry, BigInt(REENTRY));
});

for (const state of ['empty', 'crashed', 'running'] as const) {
  test(`the trampoline goes back to a parking leaver when its target is ${state}`, () => {
    const bytes = board({ 0: 'running', 1: 'parked', 2: state }, { target: 2, crashSlot: 1 });
    checkResumed(runCode(bytes, parks(0)), bytes, 0, REENTRY);
    assert.equal(control(bytes).refusal, 1n);
    assert.equal(control(bytes).previous, 0n);
    assert.equal(record(bytes, 2).state, BigInt(STATE[state]));
    assert.equal(record(bytes, 1).state, BigInt(STATE.parked));
  });
}

test('the trampoline goes back to a parking leaver when its target is no slot', () => {
  for (const target of [16n, 1n << 32n, (1n << 64n) - 1n]) {
    const bytes = board({ 0: 'parked', 1: 'running' });
    CONTROL.encodeInto(bytes, { target }, OFFSET.control);
    checkResumed(runCode(bytes, parks(1)), bytes, 1, REENTRY);
    assert.equal(control(bytes).refusal, 1n);
  }
});

test('leaving for good empties the slot and enters the target', () => {
  const bytes = board({ 0: 'parked', 1: 'parked', 2: 'running' }, { target: 1 });
  checkResumed(runCode(bytes, leaves(2)), bytes, 1);
  assert.equal(record(bytes, 2).state, BigInt(STATE.empty));
  assert.equal(record(bytes, 2).entry, 0n);
  assert.equal(control(bytes).mode, BigInt(LEAVE_MODE.leave));
});

test('leaving for good into an empty target enters the crash slot', () => {
  const bytes = board({ 0: 'parked', 1: 'parked', 2: 'running' }, { target: 3, crashSlot: 1 });
  checkResumed(runCode(bytes, leaves(2)), bytes, 1);
  assert.equal(control(bytes).refusal, 0n);
});

test('a crash marks its slot and enters the crash slot, whatever the target', () => {
  const bytes = board({ 0: 'parked', 1: 'running', 2: 'parked' }, { target: 2, crashSlot: 0 });
  checkResumed(runCode(bytes, crashes(1)), bytes, 0);
  assert.equal(record(bytes, 1).state, BigInt(STATE.crashed));
  assert.equal(record(bytes, 1).entry, 0n);
  assert.equal(control(bytes).mode, BigInt(LEAVE_MODE.crash));
});

test('a crash whose crash slot is dead enters the first parked slot', () => {
  const bytes = board({ 0: 'crashed', 1: 'running', 2: 'parked', 3: 'parked' }, { crashSlot: 0 });
  checkResumed(runCode(bytes, crashes(1)), bytes, 2);
});

test('a crash of the crash slot itself enters the first parked slot', () => {
  const bytes = board({ 0: 'running', 1: 'empty', 3: 'parked' }, { crashSlot: 0 });
  checkResumed(runCode(bytes, crashes(0)), bytes, 3);
});

test('a crash with nobody left resets the machine', () => {
  const bytes = board({ 0: 'crashed', 1: 'running' }, { crashSlot: 0 });
  const { cpu, entered } = runCode(bytes, crashes(1));
  assert.equal(entered, null);
  assert.deepEqual(cpu.outputs, [
    { port: 0xcf9, value: 6 },
    { port: 0x64, value: 0xfe },
  ]);
  assert.equal(control(bytes).sequence, 41n);
});

test('on any switchboard the machine code does what its model does, and writes nowhere else', () => {
  const word = fc.oneof(fc.bigInt(0n, 17n), fc.bigInt(0n, (1n << 64n) - 1n));
  const record = fc.record({
    state: fc.oneof(fc.bigInt(0n, 4n), word),
    // Not an address that holds code or data of the run itself.
    entry: fc.bigInt(1n << 40n, 1n << 41n),
    argument: word,
    stub: word,
  });
  const arbitrary = fc.record({
    records: fc.array(record, { minLength: MAX_SLOTS, maxLength: MAX_SLOTS }),
    control: fc.record({
      current: word,
      target: word,
      crashSlot: word,
      sequence: word,
      previous: word,
      mode: word,
      refusal: word,
    }),
    slot: fc.nat(MAX_SLOTS - 1),
    mode: fc.constantFrom('park' as const, 'leave' as const, 'crash' as const),
    la57: fc.boolean(),
  });
  // What is behind the records is not even readable here.
  const image = new Uint8Array(OFFSET.records + PAGE_BYTES).fill(0xa5);
  image.set(encodeTrampoline(), OFFSET.trampoline);
  image.set(encodePageTables(BASE), OFFSET.pml5);
  fc.assert(
    fc.property(arbitrary, (value) => {
      const real = image.slice();
      for (const [slot, live] of value.records.entries())
        RECORD.encodeInto(real, live, OFFSET.records + slot * RECORD_BYTES);
      CONTROL.encodeInto(real, value.control, OFFSET.control);
      const model = real.slice();
      const leaver: Leaver = {
        slot: value.slot,
        mode: value.mode,
        reentry: physAddr(value.mode === 'park' ? 2 ** 42 : 0),
      };
      const expected = modelTrampoline(model, leaver, { enter: TSC + 1n, exit: TSC + 2n });
      const { cpu, entered } = runCode(real, leaver, value.la57 ? CR4_LA57 : 0n);
      assert.deepEqual(entered, expected === null ? null : { jump: expected.jump });
      if (expected !== null) checkRegisters(cpu, expected);
      // The trampoline's stack is its own.
      real.copyWithin(OFFSET.stackTop - PAGE_BYTES, 0, PAGE_BYTES);
      model.copyWithin(OFFSET.stackTop - PAGE_BYTES, 0, PAGE_BYTES);
      assert.ok(Buffer.from(real).equals(model), 'the same memory');
    }),
    { numRuns: 300 },
  );
});

function checkRegisters(cpu: X86, entered: Entered): void {
  if (entered.kind === 'loaded') assert.equal(cpu.get('rsi'), entered.argument);
  else assert.equal(cpu.readMemory(cpu.get('rsp'), 8), entered.stub);
}

test('the interpreter knows every register by its number and refuses an unknown instruction', () => {
  assert.deepEqual(Object.values(REG), [...Array(16).keys()]);
  const cpu = new X86([{ base: 0x1000, bytes: Uint8Array.of(0x0f, 0x0b, 0xc0) }]);
  cpu.rip = 0x1000n;
  assert.throws(() => cpu.run(), /0x1000: unknown instruction f$/);
});
