import { TorporError } from '../base/errors.ts';
import { hex, type PhysAddr, physAddr } from '../base/units.ts';

/** Where a kernel keeps its VMCOREINFO note. */
export interface VmcoreinfoLocation {
  readonly address: PhysAddr;
  readonly sizeBytes: number;
}

/**
 * What a kernel tells crash tools about itself: symbol addresses and structure layouts. The getters
 * throw E_VMCOREINFO when the key is missing or its value malformed.
 */
export interface Vmcoreinfo {
  /** `uname -r` */
  readonly osrelease: string;
  readonly pageSize: number;
  /** Distance of the kernel's text from its link address (KASLR), bytes. */
  readonly kernelOffset: bigint;
  /** Add to a kernel-image virtual address minus 0xffffffff80000000 to get the physical one; may be negative. */
  readonly physBase: bigint;
  /** The kernel runs with 5-level page tables. */
  readonly la57: boolean;
  has(key: string): boolean;
  /** `SYMBOL(name)`: a virtual address. */
  symbol(name: string): bigint;
  /** `OFFSET(structure.member)` in bytes. */
  offset(member: string): number;
  /** `SIZE(structure)` in bytes. */
  size(name: string): number;
  /** `LENGTH(name)`: a count of elements. */
  length(name: string): number;
  /** `NUMBER(name)`; may be negative. */
  number(name: string): bigint;
}

/** ELF note header (n_namesz, n_descsz, n_type) and the padded name. */
const NOTE_HEAD_BYTES = 12;
const NOTE_NAME = 'VMCOREINFO\0';
const NAME_BYTES = 12;
/** Kernels write at most one page of text; a note beyond this is not one. */
const MAX_NOTE_BYTES = 64 * 1024;

const HINT = 'the address must be what /sys/kernel/vmcoreinfo printed in that OS since it last booted';

function malformed(message: string, facts: Record<string, string | number>): TorporError {
  return new TorporError('E_VMCOREINFO', message, { facts, hint: HINT });
}

/** Parses `/sys/kernel/vmcoreinfo`: `0x00000000004c0000 1024`, both hexadecimal. Throws E_VMCOREINFO. */
export function parseVmcoreinfoLocation(text: string): VmcoreinfoLocation {
  const match = /^(?:0x)?([0-9a-f]{1,16}) (?:0x)?([0-9a-f]{1,8})$/i.exec(text.trim());
  const address = match ? Number.parseInt(match[1]!, 16) : Number.NaN;
  const sizeBytes = match ? Number.parseInt(match[2]!, 16) : 0;
  if (!(address < 2 ** 52) || sizeBytes < NOTE_HEAD_BYTES + NAME_BYTES || sizeBytes > MAX_NOTE_BYTES) {
    throw malformed(`“${text.trim().slice(0, 80)}” is not the place of a VMCOREINFO note`, {
      text: text.slice(0, 80),
    });
  }
  return { address: physAddr(address), sizeBytes };
}

/**
 * Decodes a VMCOREINFO note (ELF note of type 0; kernel/vmcore_info.c of Linux 6.12). Needs the keys
 * that every x86-64 kernel since 4.17 writes. Throws E_VMCOREINFO.
 */
export function decodeVmcoreinfo(note: Uint8Array): Vmcoreinfo {
  const values = decodeLines(noteText(note));

  const text = (key: string): string => {
    const value = values.get(key);
    if (value === undefined) throw malformed(`VMCOREINFO has no ${key}`, { key });
    return value;
  };
  const parse = (key: string, pattern: RegExp, prefix: '' | '0x'): bigint => {
    const value = text(key);
    if (!pattern.test(value))
      throw malformed(`${key} of VMCOREINFO is “${value.slice(0, 40)}”`, { key, value });
    const negative = value.startsWith('-');
    const magnitude = BigInt(prefix + (negative ? value.slice(1) : value));
    return negative ? -magnitude : magnitude;
  };
  const address = (key: string): bigint => parse(key, /^[0-9a-f]{1,16}$/i, '0x');
  const signed = (key: string): bigint => parse(key, /^(-?\d{1,20}|0x[0-9a-f]{1,16})$/i, '');
  const count = (key: string): number => Number(parse(key, /^\d{1,15}$/, ''));

  return {
    osrelease: text('OSRELEASE'),
    pageSize: count('PAGESIZE'),
    kernelOffset: address('KERNELOFFSET'),
    physBase: signed('NUMBER(phys_base)'),
    la57: signed('NUMBER(pgtable_l5_enabled)') !== 0n,
    has: (key) => values.has(key),
    symbol: (name) => address(`SYMBOL(${name})`),
    offset: (member) => count(`OFFSET(${member})`),
    size: (name) => count(`SIZE(${name})`),
    length: (name) => count(`LENGTH(${name})`),
    number: (name) => signed(`NUMBER(${name})`),
  };
}

function noteText(note: Uint8Array): string {
  if (note.byteLength < NOTE_HEAD_BYTES + NAME_BYTES) {
    throw malformed(`a VMCOREINFO note of ${note.byteLength} bytes is too short`, { bytes: note.byteLength });
  }
  const view = new DataView(note.buffer, note.byteOffset, note.byteLength);
  const nameBytes = view.getUint32(0, true);
  const textBytes = view.getUint32(4, true);
  const type = view.getUint32(8, true);
  const name = Buffer.from(note.subarray(NOTE_HEAD_BYTES, NOTE_HEAD_BYTES + NOTE_NAME.length)).toString(
    'latin1',
  );
  if (nameBytes !== NOTE_NAME.length || name !== NOTE_NAME || type !== 0) {
    throw malformed('there is no VMCOREINFO note at its address', { nameBytes, type: hex(type) });
  }
  const start = NOTE_HEAD_BYTES + NAME_BYTES;
  if (textBytes > note.byteLength - start) {
    throw malformed(`the VMCOREINFO note says ${textBytes} bytes of text`, {
      textBytes,
      bytes: note.byteLength,
    });
  }
  return Buffer.from(note.subarray(start, start + textBytes)).toString('latin1');
}

/** Lines without `=` are ignored: a full note ends in the middle of a line. */
function decodeLines(content: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of content.split('\n')) {
    const equals = line.indexOf('=');
    if (equals > 0) values.set(line.slice(0, equals), line.slice(equals + 1));
  }
  return values;
}
