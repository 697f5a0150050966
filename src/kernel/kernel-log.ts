import { decodePrintkLayout } from './printk-layout.ts';
import { isSeqOfId, openPrintkRing, type PrintkRing } from './printk-ring.ts';
import { KernelAddressSpace, type PhysicalReader } from './virtual-memory.ts';
import type { Vmcoreinfo } from './vmcoreinfo.ts';

export interface KernelLogRecord {
  readonly seq: bigint;
  /** Since that kernel started, without the time it was suspended; nanoseconds. */
  readonly timestampNs: bigint;
  /** 0 (emergency) … 7 (debug). */
  readonly level: number;
  /** syslog facility; 0 is the kernel itself. */
  readonly facility: number;
  /** May hold several lines and any bytes that a program wrote to /dev/kmsg. */
  readonly text: string;
}

export interface ReadKernelLogOptions {
  /** Walk only the newest `last` descriptors: a few microseconds each. */
  readonly last?: number;
  /** Called once for each thing that damage hid. */
  readonly onDamage?: (what: string) => void;
}

/** More are not looked at, so that a damaged size costs little: a log buffer of 32 MiB. */
const MAX_RECORDS = 2 ** 20;

/**
 * Reads the log of a kernel that does not run (parked or dead) out of its memory, oldest record first.
 * Also takes a last line that was not ended yet, which dmesg does not show. Damaged records are left
 * out and told to `onDamage`. Throws E_VMCOREINFO when the note lacks what is needed, nothing else.
 */
export function readKernelLog(
  reader: PhysicalReader,
  vmcoreinfo: Vmcoreinfo,
  options: ReadKernelLogOptions = {},
): KernelLogRecord[] {
  const { last = Number.POSITIVE_INFINITY, onDamage = () => {} } = options;
  const ring = openPrintkRing(new KernelAddressSpace(reader, vmcoreinfo), decodePrintkLayout(vmcoreinfo));
  if (typeof ring === 'string') {
    onDamage(ring);
    return [];
  }
  const records: KernelLogRecord[] = [];
  const damaged: string[] = [];
  for (const id of listIds(ring, last, onDamage)) {
    const record = readRecord(ring, id);
    if (typeof record === 'string') damaged.push(record);
    else if (record !== null) records.push(record);
  }
  if (damaged.length > 0)
    onDamage(`${damaged.length} records were left out: ${[...new Set(damaged)].join(', ')}`);
  return records;
}

/** The ids from the tail to the head of the ring, at most `last` and never more than it has places. */
function* listIds(ring: PrintkRing, last: number, onDamage: (what: string) => void): Generator<bigint> {
  if (ring.readDesc(indexOf(ring, ring.headId))?.id !== ring.headId) {
    onDamage('the head of the ring is wrong: all places were searched');
    const ids = searchIds(ring);
    yield* ids.slice(Math.max(0, ids.length - last));
    return;
  }
  let used = Number(BigInt.asUintN(62, ring.headId - ring.tailId)) + 1;
  if (used > ring.descCount) {
    onDamage('the tail of the ring is wrong');
    used = ring.descCount;
  }
  used = Math.min(used, MAX_RECORDS);
  for (let back = Math.min(used, Math.max(0, Math.trunc(last))) - 1; back >= 0; back -= 1) {
    yield BigInt.asUintN(62, ring.headId - BigInt(back));
  }
}

/** Every id that stands in the place where it belongs, in the order of writing. */
function searchIds(ring: PrintkRing): bigint[] {
  const found: { id: bigint; seq: bigint }[] = [];
  for (let index = 0; index < Math.min(ring.descCount, MAX_RECORDS); index += 1) {
    const id = ring.readDesc(index)?.id;
    if (id === undefined || indexOf(ring, id) !== index) continue;
    const seq = ring.readInfo(index)?.seq;
    // Unused places are zero; they and damaged ids do not agree with their info.
    if (seq !== undefined && isSeqOfId(seq, id, ring.descCount)) found.push({ id, seq });
  }
  return found.toSorted((a, b) => (a.seq < b.seq ? -1 : a.seq > b.seq ? 1 : 0)).map(({ id }) => id);
}

/** One record; null when there is none to have, a text when damage hides it. */
function readRecord(ring: PrintkRing, id: bigint): KernelLogRecord | string | null {
  const desc = ring.readDesc(indexOf(ring, id));
  if (desc === null) return 'its descriptor is unreadable';
  if (desc.id !== id) return 'its descriptor belongs to another record';
  if (desc.state === 'reserved' || desc.state === 'reusable') return null;
  const info = ring.readInfo(indexOf(ring, id));
  if (info === null) return 'its info is unreadable';
  if (!isSeqOfId(info.seq, id, ring.descCount)) return 'its sequence number is wrong';
  const content = ring.readText(desc, info.textLengthBytes);
  if (content === 'lost') return null;
  if (content === 'damaged') return 'its text is unreadable';
  const { seq, timestampNs, level, facility } = info;
  return { seq, timestampNs, level, facility, text: content.text };
}

function indexOf(ring: PrintkRing, id: bigint): number {
  return Number(BigInt.asUintN(Math.log2(ring.descCount), id));
}

/** A record as `dmesg` prints it, one line for each of its lines; control characters as `\x1b`. */
export function renderKernelLogRecord(record: KernelLogRecord): string {
  const seconds = record.timestampNs / 1_000_000_000n;
  const micros = (record.timestampNs % 1_000_000_000n) / 1000n;
  const time = `[${seconds.toString().padStart(5)}.${micros.toString().padStart(6, '0')}]`;
  // A terminal must not obey what a program of another OS wrote.
  const escapeControl = (c: string): string => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`;
  return record.text
    .split('\n')
    .map((line) => `${time} ${line.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, escapeControl)}`)
    .join('\n');
}
