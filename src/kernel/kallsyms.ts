import { TorporError } from '../base/errors.ts';
import { openVirtualArea, type VirtualArea } from './virtual-area.ts';
import type { KernelAddressSpace } from './virtual-memory.ts';
import type { Vmcoreinfo } from './vmcoreinfo.ts';

/** More symbols than any kernel has (a stock one: 200,000); what claims more is damaged. */
const MAX_SYMBOLS = 4 * 1024 * 1024;
const MAX_NAMES_BYTES = 64 * 1024 * 1024;
/** KSYM_NAME_LEN is 512. */
const MAX_NAME_LENGTH = 1024;
const TOKEN_COUNT = 256;
/** Tokens are at most as long as a symbol name (KSYM_NAME_LEN), 512 bytes. */
const TOKEN_AREA_BYTES = TOKEN_COUNT * 512;
/** Set in the first byte of a name with 128 or more tokens (scripts/kallsyms.c since 6.1). */
const LONG_NAME = 0x80;

/**
 * Looks symbols up in a kernel's own table (kernel/kallsyms.c of 6.1, 6.12 and 7.2), found through its
 * VMCOREINFO. The result has those that exist exactly once. A kernel without KALLSYMS_ALL names its
 * functions only. Throws E_KERNEL_DATA when there is no such table or it is damaged, and E_VMCOREINFO.
 */
export function findKernelSymbols(
  space: KernelAddressSpace,
  vmcoreinfo: Vmcoreinfo,
  names: Iterable<string>,
): Map<string, bigint> {
  if (!vmcoreinfo.has('SYMBOL(kallsyms_names)')) {
    throw lacking('this kernel does not say where its symbols are (CONFIG_KALLSYMS, Linux 6.0 and later)');
  }
  const wanted = new Set([...names, '_stext']);
  const places = new Map<string, number | 'ambiguous'>();
  for (const { name, index } of listNames(space, vmcoreinfo)) {
    if (wanted.has(name)) places.set(name, places.has(name) ? 'ambiguous' : index);
  }
  const addressOf = chooseAddressing(space, vmcoreinfo, places.get('_stext'));
  const found = new Map<string, bigint>();
  for (const [name, index] of places) if (index !== 'ambiguous') found.set(name, addressOf(index));
  return found;
}

/** All names in the order of addresses, without the letter of their type. */
function* listNames(
  space: KernelAddressSpace,
  vmcoreinfo: Vmcoreinfo,
): Generator<{ name: string; index: number }, void, undefined> {
  const start = vmcoreinfo.symbol('kallsyms_names');
  const count = readNumber(space, vmcoreinfo.symbol('kallsyms_num_syms'), 4);
  if (count === 0n || count > BigInt(MAX_SYMBOLS)) throw lacking(`${count} symbols cannot be`);
  const tokens = readTokens(space, vmcoreinfo);
  const areaBytes = namesAreaBytes(vmcoreinfo, start);
  const area = openVirtualArea(space, start, areaBytes);
  let at = 0;
  for (let index = 0; index < Number(count); index += 1) {
    const head = take(area, at, 2, areaBytes);
    const isLong = (head[0]! & LONG_NAME) !== 0;
    const length = isLong ? (head[0]! & ~LONG_NAME) | (head[1]! << 7) : head[0]!;
    at += isLong ? 2 : 1;
    let name = '';
    for (const token of take(area, at, length, areaBytes)) {
      name += tokens[token]!;
      if (name.length > MAX_NAME_LENGTH) throw lacking('its table of symbol names is damaged');
    }
    at += length;
    yield { name: name.slice(1), index };
  }
}

function take(area: VirtualArea, at: number, sizeBytes: number, areaBytes: number): Uint8Array {
  const bytes = at + sizeBytes <= areaBytes ? area(at, sizeBytes) : null;
  if (bytes === null) throw lacking('its table of symbol names is damaged');
  return bytes;
}

/** What each byte of a compressed name stands for. */
function readTokens(space: KernelAddressSpace, vmcoreinfo: Vmcoreinfo): string[] {
  const table = openVirtualArea(space, vmcoreinfo.symbol('kallsyms_token_table'), TOKEN_AREA_BYTES);
  const index = space.readVirtual(vmcoreinfo.symbol('kallsyms_token_index'), TOKEN_COUNT * 2);
  if (index === null) throw lacking('its table of symbol tokens is unreadable');
  const places = new DataView(index.buffer, index.byteOffset, index.byteLength);
  return Array.from({ length: TOKEN_COUNT }, (_, token) => {
    const at = places.getUint16(token * 2, true);
    let length = 0;
    for (;;) {
      const byte = table(at + length, 1)?.[0];
      if (byte === undefined || length > 512) throw lacking('its table of symbol tokens is damaged');
      if (byte === 0) return Buffer.from(table(at, length)!).toString('latin1');
      length += 1;
    }
  });
}

/** The names end before the next table that VMCOREINFO tells of. */
function namesAreaBytes(vmcoreinfo: Vmcoreinfo, start: bigint): number {
  const distances = ['token_table', 'token_index', 'offsets', 'relative_base', 'num_syms']
    .filter((name) => vmcoreinfo.has(`SYMBOL(kallsyms_${name})`))
    .map((name) => Number(vmcoreinfo.symbol(`kallsyms_${name}`) - start));
  return Math.min(...distances.filter((distance) => distance > 0), MAX_NAMES_BYTES);
}

/**
 * How the table of offsets is to be read, which no kernel says: of the ways that there are, the one
 * that puts `_stext` where VMCOREINFO has it.
 */
function chooseAddressing(
  space: KernelAddressSpace,
  vmcoreinfo: Vmcoreinfo,
  stext: number | 'ambiguous' | undefined,
): (index: number) => bigint {
  if (typeof stext !== 'number')
    throw lacking('its symbols have no _stext, so their addresses are uncertain');
  const table = vmcoreinfo.symbol('kallsyms_offsets');
  const offsetOf = (index: number): bigint =>
    BigInt.asIntN(32, readNumber(space, table + BigInt(4 * index), 4));
  const ways: ((index: number) => bigint)[] = [];
  if (vmcoreinfo.has('SYMBOL(kallsyms_relative_base)')) {
    const base = readNumber(space, vmcoreinfo.symbol('kallsyms_relative_base'), 8);
    // Up to 6.14 (KALLSYMS_ABSOLUTE_PERCPU): what is not negative is an address by itself.
    ways.push((index) => (offsetOf(index) >= 0n ? offsetOf(index) : base - 1n - offsetOf(index)));
    ways.push((index) => base + BigInt.asUintN(32, offsetOf(index)));
  } else {
    // 7.x: relative to where the offset itself stands.
    ways.push((index) => BigInt.asUintN(64, table + BigInt(4 * index) + offsetOf(index)));
  }
  const right = ways.find((addressOf) => addressOf(stext) === vmcoreinfo.symbol('_stext'));
  if (right === undefined) throw lacking('its table of symbol addresses is of an unknown form or damaged');
  return right;
}

function readNumber(space: KernelAddressSpace, address: bigint, sizeBytes: 4 | 8): bigint {
  const bytes = space.readVirtual(address, sizeBytes);
  if (bytes === null) throw lacking('its tables of symbols are unreadable');
  const view = new DataView(bytes.buffer, bytes.byteOffset, sizeBytes);
  return sizeBytes === 8 ? view.getBigUint64(0, true) : BigInt(view.getUint32(0, true));
}

function lacking(message: string): TorporError {
  return new TorporError('E_KERNEL_DATA', `no symbols: ${message}`);
}
