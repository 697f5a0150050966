import { type PhysRange, rangeOf } from '../base/ranges.ts';
import { MIB, type PhysAddr, physAddr } from '../base/units.ts';
import type { FirmwareMap, MemoryPlan } from '../memory/memory-plan.ts';
import { FakeSys } from '../sys/fake.ts';
import type { MappedRegion } from '../sys/sys.ts';
import {
  CONTROL,
  LEAVE_MODE,
  type LeaveMode,
  MAX_SLOTS,
  OFFSET,
  RECORD,
  RECORD_BYTES,
  STATE,
  SWITCHBOARD_BYTES,
} from './layout.ts';
import { Switchboard } from './switchboard.ts';

/** A machine in memory for unit tests: home and three guests of 64, 256 and 128 MiB. */
export const FAKE_PLAN: MemoryPlan = {
  switchboard: rangeOf(0x1ff0_0000, SWITCHBOARD_BYTES),
  slots: [
    { index: 1, memory: rangeOf(0x2000_0000, 64 * MIB), low: rangeOf(0x1_0000, 0x1_0000) },
    { index: 2, memory: rangeOf(0x2400_0000, 256 * MIB), low: rangeOf(0x2_0000, 0x1_0000) },
    { index: 3, memory: rangeOf(0x3400_0000, 128 * MIB), low: rangeOf(0x3_0000, 0x1_0000) },
  ],
};
export const FAKE_FIRMWARE: FirmwareMap = [
  { ...rangeOf(0, 0x9_f000), type: 'usable' },
  { ...rangeOf(0x10_0000, 0x3ff0_0000), type: 'usable' },
];
export const FAKE_BOOT_ID = 'd9c1b5a4-1111-4222-8333-444455556666';

export interface FakeMachine {
  readonly sys: FakeSys;
  readonly region: MappedRegion;
  /** The switchboard's memory. */
  readonly bytes: Uint8Array;
  readonly switchboard: Switchboard;
}

/** Home runs as “monitor”, the slots are empty. `memory` is further physical memory to map. */
export function fakeMachine(
  memory: readonly PhysRange[] = [],
  uid = 0,
  plan: MemoryPlan = FAKE_PLAN,
): FakeMachine {
  const sys = new FakeSys({
    uid,
    memory: [FAKE_PLAN.switchboard, ...memory],
    files: {
      '/proc/cmdline': `quiet torpor.switchboard=0x${FAKE_PLAN.switchboard.start.toString(16)}\n`,
      '/proc/sys/kernel/random/boot_id': `${FAKE_BOOT_ID}\n`,
    },
  });
  const region = sys.mapPhysical(FAKE_PLAN.switchboard);
  const home = { name: 'monitor', kernelRelease: sys.kernelRelease(), bootId: FAKE_BOOT_ID, sinceMs: 1 };
  const switchboard = Switchboard.create(region, {
    plan,
    firmware: FAKE_FIRMWARE,
    home,
    processor: { bootApicId: 0, canWake: true },
  });
  return { sys, region, bytes: region.bytes, switchboard };
}

/** Puts an OS into a guest's slot, as if it had been booted and parked. */
export function park(machine: FakeMachine, slot: number, name: string): void {
  const { memory } = machine.switchboard.plan.slots[slot - 1]!;
  machine.switchboard.describe(slot, { name, joined: true, bootId: `boot-of-${name}`, sinceMs: 2 });
  setState(machine.bytes, slot, 'parked', memory.start + 0x1234);
}

/** Writes a slot's live part, unchecked. */
export function setState(bytes: Uint8Array, slot: number, state: keyof typeof STATE, entry = 0): void {
  const at = OFFSET.records + slot * RECORD_BYTES;
  RECORD.encodeInto(bytes, { state: BigInt(STATE[state]), entry: BigInt(entry) }, at);
}

/** What happens between a program's reboot(KEXEC) and its return: this OS parks, and `via` parks back to it. */
export function leaveAndReturn({ bytes }: FakeMachine, via: number): void {
  const { current } = CONTROL.decode(bytes, OFFSET.control);
  const self = Number(current);
  modelTrampoline(
    bytes,
    { slot: self, mode: 'park', reentry: physAddr(0x1234_5000) },
    { enter: 2000n, exit: 2100n },
  );
  if (CONTROL.decode(bytes, OFFSET.control).current !== BigInt(via)) return;
  CONTROL.encodeInto(bytes, { target: current, tscLeave: 2_000_000n }, OFFSET.control);
  const reentry = physAddr(RECORD.decode(bytes, OFFSET.records + via * RECORD_BYTES).memoryStart + 0x4321n);
  modelTrampoline(bytes, { slot: via, mode: 'park', reentry }, { enter: 3_000_000n, exit: 3_001_000n });
}

/** How a kernel comes to the trampoline. */
export interface Leaver {
  readonly slot: number;
  readonly mode: LeaveMode;
  /** 0 when it leaves for good. */
  readonly reentry: PhysAddr;
  /** Of the processor that comes; the boot processor's when left out. */
  readonly apicId?: number;
}

/** Where the trampoline goes. */
export interface Entered {
  readonly slot: number;
  readonly kind: 'loaded' | 'parked';
  readonly jump: bigint;
  readonly argument: bigint;
  readonly stub: bigint;
}

/**
 * What asm/trampoline.S does, in TypeScript, for tests of what lies above it; tests/asm holds the
 * machine code against it. Null when it resets the machine.
 */
export function modelTrampoline(
  bytes: Uint8Array,
  leaver: Leaver,
  tsc: { enter: bigint; exit: bigint },
): Entered | null {
  const at = (slot: number): number => OFFSET.records + slot * RECORD_BYTES;
  const control = CONTROL.decode(bytes, OFFSET.control);
  const canEnter = (slot: bigint): boolean => {
    if (slot >= BigInt(MAX_SLOTS)) return false;
    const { state } = RECORD.decode(bytes, at(Number(slot)));
    return state === BigInt(STATE.parked) || state === BigInt(STATE.loaded);
  };
  const left = { park: 'parked', leave: 'empty', crash: 'crashed' } as const;
  const entry = leaver.mode === 'park' ? leaver.reentry : physAddr(0);
  setState(bytes, leaver.slot, left[leaver.mode], entry);
  const all = Array.from({ length: MAX_SLOTS }, (_, slot) => BigInt(slot));
  const wanted = {
    park: [control.target, BigInt(leaver.slot)],
    leave: [control.target, control.crashSlot, ...all],
    crash: [control.crashSlot, ...all],
  }[leaver.mode];
  const next = wanted.find(canEnter);
  const refusal = leaver.mode === 'park' && !canEnter(control.target) ? 1n : 0n;
  const how = {
    previous: BigInt(leaver.slot),
    mode: BigInt(LEAVE_MODE[leaver.mode]),
    refusal,
    tscEnter: tsc.enter,
  };
  CONTROL.encodeInto(bytes, how, OFFSET.control);
  const isElsewhere =
    leaver.apicId !== undefined && BigInt(leaver.apicId) !== BigInt.asUintN(32, control.bootApicId);
  if (leaver.mode === 'crash' && isElsewhere && control.canWake === 0n) return null;
  if (next === undefined) return null;
  const record = RECORD.decode(bytes, at(Number(next)));
  const now = {
    current: next,
    target: next,
    sequence: BigInt.asUintN(64, control.sequence + 1n),
    tscExit: tsc.exit,
  };
  CONTROL.encodeInto(bytes, now, OFFSET.control);
  setState(bytes, Number(next), 'running');
  const kind = record.state === BigInt(STATE.parked) ? 'parked' : 'loaded';
  return { slot: Number(next), kind, jump: record.entry, argument: record.argument, stub: record.stub };
}
