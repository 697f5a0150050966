import { crc32 } from 'node:zlib';
import { TorporError } from '../base/errors.ts';
import { GIB, hex, PAGE_BYTES, type PhysAddr, physAddr } from '../base/units.ts';
import type { FirmwareMap, MemoryPlan } from '../memory/memory-plan.ts';
import type { MappedRegion } from '../sys/sys.ts';
import { readBlock, writeBlock } from './block.ts';
import { checkPlace } from './check-place.ts';
import { encodeTrampoline } from './code.ts';
import {
  CONTROL,
  HEADER,
  HEADER_CHECKED_BYTES,
  LAST_SWITCH_BYTES,
  LEAVE_MODE,
  type LeaveMode,
  MAILBOX_BYTES,
  MAX_SLOTS,
  OFFSET,
  PLAN_BLOCK_BYTES,
  STATE,
  SWITCHBOARD_BYTES,
  SWITCHBOARD_MAGIC,
  SWITCHBOARD_VERSION,
} from './layout.ts';
import { encodePageTables } from './page-tables.ts';
import { decodePlanBlock, encodePlanBlock } from './plan-block.ts';
import {
  decodeRecord,
  HOME_MEMORY,
  impossible,
  type SlotDescription,
  type SlotRecord,
  writeDescription,
  writeLive,
} from './record.ts';

/** The waking code loads the tables' root in real mode. */
const FOUR_GIB = 4 * GIB;
/** Header bytes before the checksummed part. */
const HEADER_CRC_START = 16;

/** How the last jump went, as the trampoline left it. */
export interface ControlState {
  readonly current: number;
  readonly target: number;
  readonly crashSlot: number;
  readonly sequence: number;
  readonly previous: number;
  /** Null before the first jump. */
  readonly mode: LeaveMode | null;
  readonly refused: boolean;
  readonly tscLeave: bigint;
  /** The leaver's wall clock at `tscLeave`, ms since 1970. */
  readonly leaveRealtimeMs: number;
  readonly tscEnter: bigint;
  readonly tscExit: bigint;
}

/** The shared memory of all OSes of a machine: a checked view, never a copy. */
export class Switchboard {
  readonly base: PhysAddr;
  readonly #region: MappedRegion;
  readonly #bytes: Uint8Array;
  #plan: MemoryPlan = { switchboard: HOME_MEMORY, slots: [] };
  #firmware: FirmwareMap = [];
  #homeBootId = '';
  #slots = 0;

  private constructor(region: MappedRegion) {
    this.#region = region;
    this.#bytes = region.bytes;
    this.base = region.range.start;
    this.reload();
  }

  get plan(): MemoryPlan {
    return this.#plan;
  }
  get firmware(): FirmwareMap {
    return this.#firmware;
  }
  get homeBootId(): string {
    return this.#homeBootId;
  }
  get slots(): number {
    return this.#slots;
  }

  /**
   * Reads header and plan again: an OS that comes out of a bank may find another start of home, and
   * another plan, than those it was parked under. Throws E_SWITCHBOARD_*.
   */
  reload(): void {
    const header = checkHeader(this.#bytes, this.base);
    const json = readBlock(area(this.#bytes, OFFSET.plan, PLAN_BLOCK_BYTES), 'plan');
    const block = decodePlanBlock(json, this.#region.range, header.slots);
    this.#plan = block.plan;
    this.#firmware = block.firmware;
    this.#homeBootId = header.homeBootId;
    this.#slots = header.slots;
  }

  /** A view of the switchboard in `region`; everything is checked. Throws E_SWITCHBOARD_*. */
  static open(region: MappedRegion): Switchboard {
    const switchboard = new Switchboard(region);
    const { current } = switchboard.control();
    for (const { index, state } of switchboard.records()) {
      // Invariant 1.
      if ((state === 'running') !== (index === current)) throw impossible(index, 'state', STATE[state]);
    }
    return switchboard;
  }

  /** Writes a new, empty switchboard into `region`, with home (slot 0) running. */
  static create(
    region: MappedRegion,
    content: {
      plan: MemoryPlan;
      firmware: FirmwareMap;
      home: Pick<SlotDescription, 'name' | 'kernelRelease' | 'bootId' | 'sinceMs'>;
      /** The boot processor, and whether the firmware wakes it by a warm reset (a PC BIOS does). */
      processor: { bootApicId: number; canWake: boolean };
    },
  ): Switchboard {
    const { bytes, range } = region;
    const { plan, home } = content;
    // SAFETY: the whole region is the switchboard and no OS but home exists. The magic comes last.
    bytes.fill(0, 0, SWITCHBOARD_BYTES);
    const trampoline = encodeTrampoline();
    bytes.set(trampoline, OFFSET.trampoline);
    bytes.set(encodePageTables(range.start), OFFSET.pml5);
    const { bootApicId, canWake } = content.processor;
    CONTROL.encodeInto(
      bytes,
      { bootApicId: BigInt(bootApicId), canWake: canWake && range.end <= FOUR_GIB ? 1n : 0n },
      OFFSET.control,
    );
    writeBlock(area(bytes, OFFSET.plan, PLAN_BLOCK_BYTES), encodePlanBlock(content));
    const blank = { vmcoreinfo: null, joined: false, crashArmed: false, snapshot: null };
    writeDescription(bytes, 0, {
      ...blank,
      ...home,
      stub: physAddr(range.start + OFFSET.homeStub),
      memory: HOME_MEMORY,
      low: null,
    });
    writeLive(bytes, 0, { state: 'running' });
    for (const slot of plan.slots) {
      const { memory, low, index } = slot;
      writeDescription(bytes, index, {
        ...blank,
        stub: memory.start,
        memory,
        low,
        sinceMs: 0,
        name: '',
        kernelRelease: '',
        bootId: '',
      });
    }
    HEADER.encodeInto(bytes, {
      version: SWITCHBOARD_VERSION,
      base: BigInt(range.start),
      sizeBytes: BigInt(SWITCHBOARD_BYTES),
      trampolineCrc: crc32(trampoline),
      slots: plan.slots.length + 1,
      homeBootId: home.bootId,
    });
    HEADER.encodeInto(bytes, { crc: crc32(bytes.subarray(HEADER_CRC_START, HEADER_CHECKED_BYTES)) });
    HEADER.encodeInto(bytes, { magic: SWITCHBOARD_MAGIC });
    return Switchboard.open(region);
  }

  control(): ControlState {
    const raw = CONTROL.decode(this.#bytes, OFFSET.control);
    const below = (field: Exclude<keyof typeof raw, `tsc${string}`>, limit: number): number => {
      if (raw[field] < BigInt(limit)) return Number(raw[field]);
      throw new TorporError(
        'E_SWITCHBOARD_VALUE',
        `the switchboard's ${field} is impossible: ${hex(raw[field])}`,
        {
          facts: { field, value: hex(raw[field]) },
          hint: 'do not switch; save your work and restart the machine',
        },
      );
    };
    const slot = (field: 'current' | 'target' | 'crashSlot' | 'previous'): number => below(field, this.slots);
    const modes = Object.keys(LEAVE_MODE) as LeaveMode[];
    const mode = below('mode', modes.length + 1);
    return {
      current: slot('current'),
      target: slot('target'),
      crashSlot: slot('crashSlot'),
      sequence: below('sequence', Number.MAX_SAFE_INTEGER),
      previous: slot('previous'),
      mode: modes.find((name) => LEAVE_MODE[name] === mode) ?? null,
      refused: below('refusal', 2) === 1,
      tscLeave: raw.tscLeave,
      leaveRealtimeMs: below('leaveRealtimeMs', Number.MAX_SAFE_INTEGER),
      tscEnter: raw.tscEnter,
      tscExit: raw.tscExit,
    };
  }

  record(slot: number): SlotRecord {
    const record = decodeRecord(this.#bytes, slot);
    checkPlace(record, this.base, this.plan);
    return record;
  }

  records(): SlotRecord[] {
    return Array.from({ length: this.slots }, (_, slot) => this.record(slot));
  }

  /** The OS that runs, which is the one that asks. */
  running(): SlotRecord {
    return this.record(this.control().current);
  }

  /** Changes part of a slot's description. */
  describe(slot: number, change: Partial<SlotDescription>): void {
    writeDescription(this.#bytes, slot, { ...this.record(slot), ...change });
  }

  /** Makes an empty slot ready for its first entry. Its memory has been filled before. */
  setLoaded(slot: number, entry: PhysAddr, argument: PhysAddr): void {
    writeLive(this.#bytes, slot, { state: 'loaded', entry, argument });
  }

  /** Makes an empty slot one whose OS is parked. Its memory has been filled before. */
  setParked(slot: number, entry: PhysAddr, argument: PhysAddr): void {
    writeLive(this.#bytes, slot, { state: 'parked', entry, argument });
  }

  /** Forgets what a slot holds. */
  setEmpty(slot: number, sinceMs: number): void {
    writeLive(this.#bytes, slot, { state: 'empty' });
    const nobody = {
      name: '',
      kernelRelease: '',
      bootId: '',
      vmcoreinfo: null,
      joined: false,
      crashArmed: false,
      snapshot: null,
    };
    this.describe(slot, { ...nobody, sinceMs });
    this.writeMailbox(slot, null);
  }

  /** Names the slot to enter next. */
  setTarget(slot: number, tscLeave: bigint, realtimeMs: number): void {
    // SAFETY: fields of the control page that the leaving OS owns.
    CONTROL.encodeInto(
      this.#bytes,
      { target: BigInt(slot), tscLeave, leaveRealtimeMs: BigInt(Math.floor(realtimeMs)) },
      OFFSET.control,
    );
  }

  setCrashSlot(slot: number): void {
    // SAFETY: as above.
    CONTROL.encodeInto(this.#bytes, { crashSlot: BigInt(slot) }, OFFSET.control);
  }

  readMailbox(slot: number): unknown {
    return readBlock(this.#mailbox(slot), `mailbox of slot ${slot}`, 'E_MAILBOX');
  }

  /** Null empties it. */
  writeMailbox(slot: number, message: unknown): void {
    writeBlock(this.#mailbox(slot), message, 'E_MAILBOX');
  }

  readLastSwitch(): unknown {
    return readBlock(area(this.#bytes, OFFSET.lastSwitch, LAST_SWITCH_BYTES), 'last switch');
  }

  writeLastSwitch(value: unknown): void {
    writeBlock(area(this.#bytes, OFFSET.lastSwitch, LAST_SWITCH_BYTES), value);
  }

  #mailbox(slot: number): Uint8Array {
    return area(this.#bytes, OFFSET.mailboxes + slot * MAILBOX_BYTES, MAILBOX_BYTES);
  }
}

const area = (bytes: Uint8Array, offset: number, sizeBytes: number): Uint8Array =>
  bytes.subarray(offset, offset + sizeBytes);

function checkHeader(bytes: Uint8Array, base: PhysAddr): { slots: number; homeBootId: string } {
  const header = HEADER.decode(bytes);
  const at = { address: hex(base) };
  if (header.magic !== SWITCHBOARD_MAGIC) {
    throw new TorporError('E_SWITCHBOARD_MAGIC', `there is no switchboard at ${hex(base)}`, {
      facts: at,
      hint: 'run `torpor join` in the OS that the firmware booted',
    });
  }
  if (header.version !== SWITCHBOARD_VERSION) {
    throw new TorporError(
      'E_SWITCHBOARD_VERSION',
      `the switchboard has version ${header.version}, not ${SWITCHBOARD_VERSION}`,
      {
        facts: { ...at, version: header.version },
        hint: 'use the same release of Torpor in every OS',
      },
    );
  }
  const damaged = (part: string): TorporError =>
    new TorporError('E_SWITCHBOARD_CHECKSUM', `the switchboard's ${part} is damaged`, {
      facts: { ...at, part },
      hint: 'do not switch; save your work and restart the machine',
    });
  if (header.crc !== crc32(bytes.subarray(HEADER_CRC_START, HEADER_CHECKED_BYTES))) throw damaged('header');
  if (header.base !== BigInt(base) || header.sizeBytes !== BigInt(SWITCHBOARD_BYTES))
    throw damaged('address');
  if (header.slots < 1 || header.slots > MAX_SLOTS) throw damaged('number of slots');
  if (header.trampolineCrc !== crc32(area(bytes, OFFSET.trampoline, PAGE_BYTES))) throw damaged('trampoline');
  const tables = encodePageTables(base);
  // The processor sets accessed and dirty bits (5, 6) in the tables; everything else must be as written.
  const found = area(bytes, OFFSET.pml5, tables.length);
  if (found.some((byte, index) => ((byte ^ tables[index]!) & (index % 8 === 0 ? ~0x60 : ~0)) !== 0))
    throw damaged('page tables');
  return header;
}
