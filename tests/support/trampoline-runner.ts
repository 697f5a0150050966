import { encodeStub } from '../../src/switchboard/code.ts';
import {
  FAKE_PLAN,
  type FakeMachine,
  fakeMachine,
  type Leaver,
  setState,
} from '../../src/switchboard/fake.ts';
import { CONTROL, OFFSET, RECORD, RECORD_BYTES, type STATE } from '../../src/switchboard/layout.ts';
import { X86 } from './x86-interpreter.ts';

export const BASE = FAKE_PLAN.switchboard.start;
export const CR0_START = 0x8000_0001n;
export const CR4_LA57 = 1n << 12n;
/** What the time stamp counter shows before the trampoline. */
export const TSC = 0x1_2345_6788n;
export const MSR_APIC_BASE = 0x1b;
export const APIC = 0xfee0_0000;
export const X2APIC = 0x400n;
const GARBAGE = 0xdead_beef_0bad_cafen;
/** The leaving kernel's stack, with the re-entry address on top. */
const KERNEL_STACK = 0x7000_0000;
const STUB = 0x6000_0000;

/** What the trampoline writes to ports when nobody is left who could run. */
export const RESET = [
  { port: 0xcf9, value: 6 },
  { port: 0x64, value: 0xfe },
];

export interface Run {
  readonly cpu: X86;
  /** Null when the processor halted. */
  readonly entered: { readonly jump: bigint } | null;
  /** The first 128 KiB. */
  readonly low: Uint8Array;
  /** The registers of the interrupt controller. */
  readonly apic: Uint8Array;
}

/** A processor in the stub of `leaver`, on the switchboard `bytes`. */
export function processorIn(bytes: Uint8Array, leaver: Leaver, cr4 = 0n): Omit<Run, 'entered'> {
  const stack = new Uint8Array(64);
  new DataView(stack.buffer).setBigUint64(0, BigInt(leaver.reentry), true);
  const low = new Uint8Array(0x2_0000);
  const apic = new Uint8Array(4096);
  const cpu = new X86([
    { base: BASE, bytes },
    { base: STUB, bytes: encodeStub(BASE, leaver.mode, leaver.slot) },
    { base: KERNEL_STACK, bytes: stack },
    { base: 0, bytes: low },
    { base: APIC, bytes: apic },
  ]);
  cpu.registers.fill(GARBAGE);
  cpu.set('rsp', KERNEL_STACK);
  cpu.rip = BigInt(STUB);
  cpu.cr[0] = CR0_START;
  cpu.cr[3] = 0x1000n;
  cpu.cr[4] = cr4;
  cpu.tsc = TSC;
  cpu.apicId = leaver.apicId ?? Number(BigInt.asUintN(32, control(bytes).bootApicId));
  cpu.msr.set(MSR_APIC_BASE, BigInt(APIC) | 0x900n);
  return { cpu, low, apic };
}

/** Runs a kernel's stub and the trampoline on the switchboard `bytes`. */
export function runCode(bytes: Uint8Array, leaver: Leaver, cr4 = 0n): Run {
  const made = processorIn(bytes, leaver, cr4);
  const stop = made.cpu.run();
  return { ...made, entered: stop.kind === 'left' ? { jump: stop.rip } : null };
}

export const control = (bytes: Uint8Array) => CONTROL.decode(bytes, OFFSET.control);
export const record = (bytes: Uint8Array, slot: number) =>
  RECORD.decode(bytes, OFFSET.records + slot * RECORD_BYTES);
export const entryOf = (slot: number): number => 0x2000_0000 + slot * 0x1000;

/** A switchboard with these states; slot n would be entered at entryOf(n), with 0x9000n as its argument. */
export function board(
  states: Partial<Record<number, keyof typeof STATE>>,
  fields: Parameters<typeof CONTROL.encodeInto>[1] = {},
): Uint8Array {
  const { bytes }: FakeMachine = fakeMachine();
  for (const [key, state] of Object.entries(states)) {
    const slot = Number(key);
    setState(bytes, slot, state!, entryOf(slot));
    RECORD.encodeInto(bytes, { argument: BigInt(0x9_0000 + slot) }, OFFSET.records + slot * RECORD_BYTES);
  }
  CONTROL.encodeInto(bytes, { sequence: 41n, refusal: 7n, ...fields }, OFFSET.control);
  return bytes;
}
