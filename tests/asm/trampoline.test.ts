import assert from 'node:assert/strict';
import { test } from 'node:test';
import { physAddr } from '../../src/base/units.ts';
import { encodeStub } from '../../src/switchboard/code.ts';
import type { Leaver } from '../../src/switchboard/fake.ts';
import { CONTROL, LEAVE_MODE, OFFSET, STATE } from '../../src/switchboard/layout.ts';
import {
  BASE,
  board,
  CR0_START,
  CR4_LA57,
  control,
  entryOf,
  RESET,
  type Run,
  record,
  runCode,
  TSC,
} from '../support/trampoline-runner.ts';
import { X86 } from '../support/x86-interpreter.ts';
import { REG } from '../support/x86-state.ts';

const CR0_WP = 1n << 16n;
const KERNEL_STACK = 0x7000_0000;
const REENTRY = physAddr(0x6543_2100);

function checkResumed(run: Run, bytes: Uint8Array, slot: number, jump: number = entryOf(slot)): void {
  const { cpu, entered } = run;
  assert.deepEqual(entered, { jump: BigInt(jump) });
  assert.equal(
    cpu.readMemory(cpu.get('rsp'), 8),
    record(bytes, slot).stub,
    '0(%rsp) is the stub of the target',
  );
  assert.equal(cpu.cr[0] & CR0_WP, CR0_WP);
  assert.equal(cpu.cr[0] & ~CR0_WP, CR0_START, 'the rest of CR0 stays');
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
  const bytes = board({ 0: 'running', 2: 'parked' }, { target: 2n });
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
  const bytes = board({ 0: 'running', 3: 'loaded' }, { target: 3n });
  const { cpu, entered } = runCode(bytes, parks(0));
  assert.deepEqual(entered, { jump: BigInt(entryOf(3)) });
  assert.equal(cpu.get('rsi'), 0x9_0003n, '%rsi = boot_params');
  for (const name of ['rbx', 'rbp', 'rdi'] as const) assert.equal(cpu.get(name), 0n, name);
  assert.equal(cpu.get('rsp'), BigInt(BASE + OFFSET.stackTop));
  assert.equal(cpu.cr[0], CR0_START);
  checkEntered(bytes, 3);
});

for (const [what, cr4, root] of [
  ['4-level', 0n, OFFSET.pml4],
  ['5-level', CR4_LA57, OFFSET.pml5],
] as const) {
  test(`the stub loads the ${what} root`, () => {
    const { cpu } = runCode(board({ 0: 'running', 1: 'parked' }, { target: 1n }), parks(0), cr4 | 0x20n);
    assert.equal(cpu.cr[3], BigInt(BASE + root));
    assert.equal(cpu.cr[4], cr4 | 0x20n);
  });
}

test("home's stub works from inside the switchboard", () => {
  const bytes = board({ 0: 'running', 1: 'parked' }, { target: 1n });
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
    const bytes = board({ 0: 'running', 1: 'parked', 2: state }, { target: 2n, crashSlot: 1n });
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
  const bytes = board({ 0: 'parked', 1: 'parked', 2: 'running' }, { target: 1n });
  checkResumed(runCode(bytes, leaves(2)), bytes, 1);
  assert.equal(record(bytes, 2).state, BigInt(STATE.empty));
  assert.equal(record(bytes, 2).entry, 0n);
  assert.equal(control(bytes).mode, BigInt(LEAVE_MODE.leave));
});

test('leaving for good into an empty target enters the crash slot', () => {
  const bytes = board({ 0: 'parked', 1: 'parked', 2: 'running' }, { target: 3n, crashSlot: 1n });
  checkResumed(runCode(bytes, leaves(2)), bytes, 1);
  assert.equal(control(bytes).refusal, 0n);
});

test('a crash marks its slot and enters the crash slot, whatever the target', () => {
  const bytes = board({ 0: 'parked', 1: 'running', 2: 'parked' }, { target: 2n, crashSlot: 0n });
  checkResumed(runCode(bytes, crashes(1)), bytes, 0);
  assert.equal(record(bytes, 1).state, BigInt(STATE.crashed));
  assert.equal(record(bytes, 1).entry, 0n);
  assert.equal(control(bytes).mode, BigInt(LEAVE_MODE.crash));
});

test('a crash whose crash slot is dead enters the first parked slot', () => {
  const bytes = board({ 0: 'crashed', 1: 'running', 2: 'parked', 3: 'parked' }, { crashSlot: 0n });
  checkResumed(runCode(bytes, crashes(1)), bytes, 2);
});

test('a crash of the crash slot itself enters the first parked slot', () => {
  const bytes = board({ 0: 'running', 1: 'empty', 3: 'parked' }, { crashSlot: 0n });
  checkResumed(runCode(bytes, crashes(0)), bytes, 3);
});

test('a crash with nobody left resets the machine', () => {
  const bytes = board({ 0: 'crashed', 1: 'running' }, { crashSlot: 0n });
  const { cpu, entered } = runCode(bytes, crashes(1));
  assert.equal(entered, null);
  assert.deepEqual(cpu.outputs, RESET);
  assert.equal(control(bytes).sequence, 41n);
});

test('the interpreter knows every register by its number and refuses an unknown instruction', () => {
  assert.deepEqual(Object.values(REG), [...Array(16).keys()]);
  const cpu = new X86([{ base: 0x1000, bytes: Uint8Array.of(0x0f, 0x0b, 0xc0) }]);
  cpu.rip = 0x1000n;
  assert.throws(() => cpu.run(), /0x1000: unknown instruction f$/);
});
