import assert from 'node:assert/strict';
import { test } from 'node:test';
import { physAddr } from '../base/units.ts';
import { BOOT_PARAMS } from '../kernel/boot-params.ts';
import { SETUP_HEADER } from '../kernel/setup-header.ts';
import { bankMachine, ENTRY } from './bank-machine.fixture.ts';
import { openParkedKernel } from './parked-kernel.ts';

/** A parked OS whose boot_params name a command line at `address`. */
function withCommandLine(address: number, text: string) {
  const made = bankMachine();
  const { memory } = made.switchboard.record(1);
  const page = new Uint8Array(BOOT_PARAMS.sizeBytes);
  SETUP_HEADER.encodeInto(page, { commandLine: address % 2 ** 32 });
  BOOT_PARAMS.encodeInto(page, { commandLineHigh: Math.floor(address / 2 ** 32) });
  made.memory.set(page, 0x2000);
  const offset = address - memory.start;
  if (offset >= 0 && offset < made.memory.length) made.memory.set(Buffer.from(`${text}\0`), offset);
  made.switchboard.setParked(1, ENTRY, physAddr(memory.start + 0x2000));
  const kernel = openParkedKernel(made.sys, made.switchboard.record(1));
  kernel.close();
  return kernel;
}

test('the command line is found through boot_params', () => {
  const kernel = withCommandLine(0x2000_4000, 'quiet page_poison=1');
  assert.deepEqual([kernel.commandLine, kernel.freePages], ['quiet page_poison=1', 'poison']);
  // It ends with the slot.
  assert.equal(withCommandLine(0x200f_fff0, 'short').commandLine, 'short');
});

test('boot_params that lead outside the slot give none', () => {
  assert.equal(withCommandLine(0x1000, 'x').commandLine, null);
  assert.equal(withCommandLine(0x2010_0000, 'x').commandLine, null);
  assert.equal(withCommandLine(0x1_2000_4000, 'x').commandLine, null);
});

test('without a VMCOREINFO that can be read all pages are used, and it says so', () => {
  const made = bankMachine();
  const all = [{ start: 0, end: 256 }];
  const silent = openParkedKernel(made.sys, made.switchboard.record(1));
  assert.deepEqual([[...silent.used], silent.doubts.length], [all, 1]);
  made.switchboard.describe(1, { vmcoreinfo: { address: physAddr(0x2000_8000), sizeBytes: 4096 } });
  const damaged = openParkedKernel(made.sys, made.switchboard.record(1));
  assert.deepEqual([...damaged.used], all);
  assert.match(damaged.doubts[0]!, /the free pages of “debian12” are saved too/);
});
