import { crc32 } from 'node:zlib';
import { TorporError } from '../base/errors.ts';
import type { PhysRange } from '../base/ranges.ts';
import { hex, KIB, PHYS_ADDR_LIMIT, type PhysAddr, physAddr } from '../base/units.ts';
import {
  FLAG,
  OFFSET,
  RECORD,
  RECORD_BYTES,
  RECORD_CRC_OFFSET,
  RECORD_STATIC_OFFSET,
  type SlotState,
  STATE,
} from './layout.ts';

/** What the switchboard knows of one slot. */
export interface SlotRecord {
  readonly index: number;
  readonly state: SlotState;
  /** Where it is entered next; 0 unless loaded or parked. */
  readonly entry: PhysAddr;
  /** boot_params of the first entry. */
  readonly argument: PhysAddr;
  readonly stub: PhysAddr;
  /** Home has all memory that no other slot has: [0, 2^52). */
  readonly memory: PhysRange;
  readonly low: PhysRange | null;
  readonly vmcoreinfo: { readonly address: PhysAddr; readonly sizeBytes: number } | null;
  /** When the state changed last, ms since 1970; 0 unknown. */
  readonly sinceMs: number;
  /** The OS has started and announced itself. */
  readonly joined: boolean;
  /** A panic of this OS comes back to the crash slot. */
  readonly crashArmed: boolean;
  readonly name: string;
  readonly kernelRelease: string;
  readonly bootId: string;
  /** The snapshot that this OS was last saved to or restored from; null when there is none. */
  readonly snapshot: SnapshotOrigin | null;
}

/** Which snapshot, and which one of its restores. */
export interface SnapshotOrigin {
  /** 32 hexadecimal digits, as in the bank. */
  readonly id: string;
  /** How often the snapshot had been restored when this OS came out of it; 0: it was saved there. */
  readonly generation: number;
}

/** The part of a record that is not written by the trampoline. */
export type SlotDescription = Omit<SlotRecord, 'index' | 'state' | 'entry' | 'argument'>;

export const HOME_MEMORY: PhysRange = { start: physAddr(0), end: physAddr(PHYS_ADDR_LIMIT) };

const STATE_NAMES = Object.keys(STATE) as SlotState[];
/** Kernels write one page; a larger note is none (src/kernel/vmcoreinfo.ts). */
const MAX_VMCOREINFO_BYTES = 64 * KIB;
const NO_SNAPSHOT = '00'.repeat(RECORD.fields.snapshotId.codec.sizeBytes);
/** The last millisecond of ECMAScript's Date. */
const MAX_TIME_MS = 8.64e15;

/** E_SWITCHBOARD_VALUE for a field of a slot's record. */
export function impossible(slot: number, field: string, value: bigint | number): TorporError {
  return new TorporError('E_SWITCHBOARD_VALUE', `slot ${slot} has an impossible ${field}: ${hex(value)}`, {
    facts: { slot, field, value: hex(value) },
    hint: 'do not switch; save your work and restart the machine',
  });
}

/**
 * Reads record `slot` out of the switchboard's bytes and checks every value by itself; whether it
 * agrees with the plan is for checkPlace().
 */
export function decodeRecord(switchboard: Uint8Array, slot: number): SlotRecord {
  const bytes = switchboard.subarray(
    OFFSET.records + slot * RECORD_BYTES,
    OFFSET.records + (slot + 1) * RECORD_BYTES,
  );
  const raw = RECORD.decode(bytes);
  if (staticCrc(bytes) !== raw.crc) {
    throw new TorporError(
      'E_SWITCHBOARD_CHECKSUM',
      `the record of slot ${slot} does not match its checksum`,
      {
        facts: { slot },
        hint: 'do not switch; save your work and restart the machine',
      },
    );
  }
  const state = STATE_NAMES.find((name) => BigInt(STATE[name]) === raw.state);
  if (state === undefined) throw impossible(slot, 'state', raw.state);
  const address = (field: string, value: bigint): PhysAddr => {
    if (value > BigInt(PHYS_ADDR_LIMIT)) throw impossible(slot, field, value);
    return physAddr(value);
  };
  const range = (field: string, start: bigint, end: bigint): PhysRange => {
    if (end <= start) throw impossible(slot, field, end);
    return { start: address(field, start), end: address(field, end) };
  };
  const atMost = (field: string, value: bigint, limit: number): number => {
    if (value > BigInt(limit)) throw impossible(slot, field, value);
    return Number(value);
  };
  const memory = range('memory', raw.memoryStart, raw.memoryEnd);
  const entry = address('entry', raw.entry);
  const argument = address('argument', raw.argument);
  const owns = (value: PhysAddr): boolean => value >= memory.start && value < memory.end;
  if ((state === 'loaded' || state === 'parked') && (entry === 0 || !owns(entry)))
    throw impossible(slot, 'entry', raw.entry);
  if (state === 'loaded' && !owns(argument)) throw impossible(slot, 'argument', raw.argument);
  return {
    index: slot,
    state,
    entry,
    argument,
    stub: address('stub', raw.stub),
    memory,
    low: raw.lowEnd === 0n ? null : range('low slice', raw.lowStart, raw.lowEnd),
    vmcoreinfo:
      raw.vmcoreinfoAddress === 0n
        ? null
        : {
            address: address('vmcoreinfo', raw.vmcoreinfoAddress),
            sizeBytes: atMost('size of vmcoreinfo', raw.vmcoreinfoBytes, MAX_VMCOREINFO_BYTES),
          },
    sinceMs: atMost('time', raw.sinceMs, MAX_TIME_MS),
    joined: (raw.flags & FLAG.joined) !== 0,
    crashArmed: (raw.flags & FLAG.crashArmed) !== 0,
    name: raw.name,
    kernelRelease: raw.kernelRelease,
    bootId: raw.bootId,
    snapshot: raw.snapshotId.every((byte) => byte === 0)
      ? null
      : { id: Buffer.from(raw.snapshotId).toString('hex'), generation: raw.generation },
  };
}

/** Writes the static part of record `slot`; the live part stays as it is. */
export function writeDescription(switchboard: Uint8Array, slot: number, description: SlotDescription): void {
  const bytes = switchboard.subarray(
    OFFSET.records + slot * RECORD_BYTES,
    OFFSET.records + (slot + 1) * RECORD_BYTES,
  );
  // SAFETY: one record of the switchboard; its slot is not running through the trampoline meanwhile,
  // because only the running OS executes.
  RECORD.encodeInto(bytes, {
    stub: BigInt(description.stub),
    memoryStart: BigInt(description.memory.start),
    memoryEnd: BigInt(description.memory.end),
    lowStart: BigInt(description.low?.start ?? 0),
    lowEnd: BigInt(description.low?.end ?? 0),
    vmcoreinfoAddress: BigInt(description.vmcoreinfo?.address ?? 0),
    vmcoreinfoBytes: BigInt(description.vmcoreinfo?.sizeBytes ?? 0),
    sinceMs: BigInt(description.sinceMs),
    flags: (description.joined ? FLAG.joined : 0) | (description.crashArmed ? FLAG.crashArmed : 0),
    name: description.name,
    kernelRelease: description.kernelRelease,
    bootId: description.bootId,
    snapshotId: Buffer.from(description.snapshot?.id ?? NO_SNAPSHOT, 'hex'),
    generation: description.snapshot?.generation ?? 0,
  });
  RECORD.encodeInto(bytes, { crc: staticCrc(bytes) });
}

/** Writes the live part: only for a slot that does not run. */
export function writeLive(
  switchboard: Uint8Array,
  slot: number,
  live: { state: SlotState; entry?: PhysAddr; argument?: PhysAddr },
): void {
  const at = OFFSET.records + slot * RECORD_BYTES;
  // SAFETY: entry and argument before the state that makes the trampoline use them.
  RECORD.encodeInto(
    switchboard,
    { entry: BigInt(live.entry ?? 0), argument: BigInt(live.argument ?? 0) },
    at,
  );
  RECORD.encodeInto(switchboard, { state: BigInt(STATE[live.state]) }, at);
}

function staticCrc(record: Uint8Array): number {
  return crc32(record.subarray(RECORD_STATIC_OFFSET, RECORD_CRC_OFFSET));
}
