import { bytes, defineStruct, text, u32, u64 } from '../base/struct.ts';
import { KIB, MIB } from '../base/units.ts';

/** Where everything stands in the switchboard. docs/formats/switchboard.md explains each field. */
export const SWITCHBOARD_BYTES = MIB;
export const SWITCHBOARD_MAGIC = 'TORPORSB';
export const SWITCHBOARD_VERSION = 1;
export const MAX_SLOTS = 16;

export const OFFSET = {
  header: 0x00000,
  trampoline: 0x01000,
  /** The stack grows down from the end of its page. */
  stackTop: 0x03000,
  pml5: 0x03000,
  pml4: 0x04000,
  pdpt: 0x05000,
  control: 0x06000,
  records: 0x07000,
  plan: 0x10000,
  mailboxes: 0x20000,
  lastSwitch: 0x60000,
  homeStub: 0xff000,
} as const;

/**
 * Home's low page that is overwritten when home has crashed on another than the boot processor.
 * @public for the assembler (scripts/build-trampoline.ts)
 */
export const HOME_WAKE_PAGE = 0x8000;

export const RECORD_BYTES = 256;
export const PLAN_BLOCK_BYTES = 64 * KIB;
export const MAILBOX_BYTES = 16 * KIB;
export const LAST_SWITCH_BYTES = 4 * KIB;

export const HEADER_CHECKED_BYTES = 256;
export const HEADER = defineStruct('switchboard.header', HEADER_CHECKED_BYTES, {
  magic: text(0, 8),
  version: u32(8),
  crc: u32(12),
  base: u64(16),
  sizeBytes: u64(24),
  trampolineCrc: u32(32),
  slots: u32(36),
  homeBootId: text(40, 40),
});

export const CONTROL = defineStruct('switchboard.control', 104, {
  current: u64(0),
  target: u64(8),
  crashSlot: u64(16),
  sequence: u64(24),
  previous: u64(32),
  mode: u64(40),
  refusal: u64(48),
  tscLeave: u64(56),
  tscEnter: u64(64),
  tscExit: u64(72),
  bootApicId: u64(80),
  canWake: u64(88),
  leaveRealtimeMs: u64(96),
});

/** First byte of a record's checksummed part; the part before it is live. */
export const RECORD_STATIC_OFFSET = 24;
export const RECORD_CRC_OFFSET = 252;
export const RECORD = defineStruct('switchboard.record', RECORD_BYTES, {
  state: u64(0),
  entry: u64(8),
  argument: u64(16),
  stub: u64(24),
  memoryStart: u64(32),
  memoryEnd: u64(40),
  lowStart: u64(48),
  lowEnd: u64(56),
  vmcoreinfoAddress: u64(64),
  vmcoreinfoBytes: u64(72),
  sinceMs: u64(80),
  flags: u32(88),
  name: text(96, 32),
  kernelRelease: text(128, 64),
  bootId: text(192, 40),
  snapshotId: bytes(232, 16),
  generation: u32(248),
  crc: u32(RECORD_CRC_OFFSET),
});

export const STATE = { empty: 0, loaded: 1, running: 2, parked: 3, crashed: 4 } as const;
export type SlotState = keyof typeof STATE;

export const LEAVE_MODE = { park: 1, leave: 2, crash: 3 } as const;
export type LeaveMode = keyof typeof LEAVE_MODE;

export const FLAG = { joined: 1, crashArmed: 2 } as const;
