import { TorporError } from '../base/errors.ts';
import { hex } from '../base/units.ts';
import { Btf } from './btf.ts';
import { findKernelSymbols } from './kallsyms.ts';
import { KernelAddressSpace, type PhysicalReader } from './virtual-memory.ts';
import type { Vmcoreinfo } from './vmcoreinfo.ts';

/** All that is looked for: the symbols of a kernel are gone through once. */
const SYMBOLS = [
  '__start_BTF',
  '__stop_BTF',
  'linux_banner',
  'saved_command_line',
  'init_task',
  '__per_cpu_offset',
  '__cpu_possible_mask',
  'nr_cpu_ids',
  'tcp_hashinfo',
  'tk_core',
  'timekeeper_data',
] as const;

type SymbolName = (typeof SYMBOLS)[number];

/** The BTF of a kernel with everything built in has 6 to 15 MiB. */
const MAX_BTF_BYTES = 64 * 1024 * 1024;
/** Looked at in all: damaged or hostile memory may have lists of any length. A usual system needs 100,000. */
const MAX_READS = 2 ** 25;

/**
 * The data of a kernel that does not run: its variables by name and their structure by its own BTF.
 * All methods throw E_KERNEL_DATA for what cannot be found or read, saying what and why.
 */
export class KernelData {
  readonly space: KernelAddressSpace;
  readonly vmcoreinfo: Vmcoreinfo;
  #symbols: Map<string, bigint> | TorporError | undefined;
  #btf: Btf | TorporError | undefined;
  #reads = 0;

  /** Throws E_VMCOREINFO. */
  constructor(reader: PhysicalReader, vmcoreinfo: Vmcoreinfo) {
    this.space = new KernelAddressSpace(reader, vmcoreinfo);
    this.vmcoreinfo = vmcoreinfo;
  }

  /** The address of a variable. */
  symbol(name: SymbolName): bigint {
    const address = this.findSymbol(name);
    if (address === null) {
      throw new TorporError('E_KERNEL_DATA', `this kernel has no symbol ${name} (CONFIG_KALLSYMS_ALL)`, {
        facts: { symbol: name },
      });
    }
    return address;
  }

  /** As symbol(), null when this kernel has none of that name. */
  findSymbol(name: SymbolName): bigint | null {
    this.#symbols ??= orError(() => findKernelSymbols(this.space, this.vmcoreinfo, SYMBOLS));
    if (this.#symbols instanceof TorporError) throw this.#symbols;
    return this.#symbols.get(name) ?? null;
  }

  /** The types of this kernel. */
  get btf(): Btf {
    this.#btf ??= orError(() => this.#readBtf());
    if (this.#btf instanceof TorporError) throw this.#btf;
    return this.#btf;
  }

  /** A copy or a view of virtual memory. */
  read(address: bigint, sizeBytes: number): Uint8Array {
    this.#reads += 1;
    if (this.#reads > MAX_READS) {
      throw new TorporError(
        'E_KERNEL_DATA',
        `it does not end: given up after ${MAX_READS} looks into memory`,
      );
    }
    const bytes = this.space.readVirtual(address, sizeBytes);
    if (bytes !== null) return bytes;
    throw new TorporError(
      'E_KERNEL_DATA',
      `${sizeBytes} bytes at ${hex(BigInt.asUintN(64, address))} are unreadable`,
    );
  }

  u64(address: bigint): bigint {
    return this.#view(address, 8).getBigUint64(0, true);
  }

  s64(address: bigint): bigint {
    return this.#view(address, 8).getBigInt64(0, true);
  }

  u32(address: bigint): number {
    return this.#view(address, 4).getUint32(0, true);
  }

  s32(address: bigint): number {
    return this.#view(address, 4).getInt32(0, true);
  }

  u8(address: bigint): number {
    return this.#view(address, 1).getUint8(0);
  }

  /** An unsigned number of 1, 4 or 8 bytes, however long this kernel's version of it is. */
  unsigned(address: bigint, sizeBytes: number): number {
    if (sizeBytes === 8) return Number(this.u64(address));
    return sizeBytes === 4 ? this.u32(address) : this.u8(address);
  }

  /** A text that ends with NUL or after `maxBytes`; what lies behind its end need not be readable. */
  text(address: bigint, maxBytes: number): string {
    const bytes: number[] = [];
    for (let at = 0; at < maxBytes; at += 1) {
      const byte = this.u8(address + BigInt(at));
      if (byte === 0) break;
      bytes.push(byte);
    }
    return Buffer.from(bytes).toString('utf8');
  }

  #readBtf(): Btf {
    const start = this.findSymbol('__start_BTF');
    const stop = this.findSymbol('__stop_BTF');
    if (start === null || stop === null) {
      throw new TorporError('E_KERNEL_DATA', 'this kernel does not carry its types (CONFIG_DEBUG_INFO_BTF)');
    }
    if (stop <= start || stop - start > BigInt(MAX_BTF_BYTES)) {
      throw new TorporError('E_KERNEL_DATA', `its BTF cannot have ${stop - start} bytes`);
    }
    const bytes = this.space.readVirtualOnce(start, Number(stop - start));
    if (bytes === null) throw new TorporError('E_KERNEL_DATA', 'its BTF is unreadable');
    return Btf.decode(bytes);
  }

  #view(address: bigint, sizeBytes: number): DataView {
    const bytes = this.read(address, sizeBytes);
    return new DataView(bytes.buffer, bytes.byteOffset, sizeBytes);
  }
}

function orError<T>(find: () => T): T | TorporError {
  try {
    return find();
  } catch (error) {
    if (error instanceof TorporError) return error;
    throw error;
  }
}
