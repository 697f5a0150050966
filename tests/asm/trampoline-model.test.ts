import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PAGE_BYTES, physAddr } from '../../src/base/units.ts';
import { encodeTrampoline } from '../../src/switchboard/code.ts';
import { type Entered, type Leaver, modelTrampoline } from '../../src/switchboard/fake.ts';
import { CONTROL, MAX_SLOTS, OFFSET, RECORD, RECORD_BYTES } from '../../src/switchboard/layout.ts';
import { encodePageTables } from '../../src/switchboard/page-tables.ts';
import { BASE, CR4_LA57, runCode, TSC } from '../support/trampoline-runner.ts';
import type { X86 } from '../support/x86-interpreter.ts';

test('on any switchboard the machine code does what its model does, and writes nowhere else', () => {
  const word = fc.oneof(fc.bigInt(0n, 17n), fc.bigInt(0n, (1n << 64n) - 1n));
  const record = fc.record({
    state: fc.oneof(fc.bigInt(0n, 4n), word),
    lowStart: fc.constantFrom(0n, 0x1_0000n),
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
      bootApicId: fc.bigInt(0n, 3n),
      canWake: fc.bigInt(0n, 1n),
    }),
    slot: fc.nat(MAX_SLOTS - 1),
    mode: fc.constantFrom('park' as const, 'leave' as const, 'crash' as const),
    la57: fc.boolean(),
    apicId: fc.nat(3),
  });
  // What is behind the records is not even readable here.
  const image = new Uint8Array(OFFSET.records + PAGE_BYTES).fill(0xa5);
  image.set(encodeTrampoline(), OFFSET.trampoline);
  image.set(encodePageTables(BASE), OFFSET.pml5);
  const untouched = new Uint8Array(0x2_0000);
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
        apicId: value.apicId,
      };
      const { bootApicId, canWake } = value.control;
      // The boot processor goes on elsewhere: wake.test.ts.
      fc.pre(value.mode !== 'crash' || canWake === 0n || bootApicId === BigInt(value.apicId));
      const expected = modelTrampoline(model, leaver, { enter: TSC + 1n, exit: TSC + 2n });
      const { cpu, entered, low } = runCode(real, leaver, value.la57 ? CR4_LA57 : 0n);
      assert.deepEqual(entered, expected === null ? null : { jump: expected.jump });
      if (expected !== null) checkRegisters(cpu, expected);
      assert.equal(Buffer.compare(low, untouched), 0, 'nothing in low memory');
      // The trampoline's stack is its own.
      real.copyWithin(OFFSET.stackTop - PAGE_BYTES, 0, PAGE_BYTES);
      model.copyWithin(OFFSET.stackTop - PAGE_BYTES, 0, PAGE_BYTES);
      assert.ok(Buffer.from(real).equals(model), 'the same memory');
    }),
    { numRuns: 200 },
  );
});

function checkRegisters(cpu: X86, entered: Entered): void {
  if (entered.kind === 'loaded') assert.equal(cpu.get('rsi'), entered.argument);
  else assert.equal(cpu.readMemory(cpu.get('rsp'), 8), entered.stub);
}
