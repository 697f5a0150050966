import { PAGE_BYTES, type PhysAddr } from '../base/units.ts';
import type { PhysicalReader } from './virtual-memory.ts';
import { decodeVmcoreinfo, type Vmcoreinfo, type VmcoreinfoLocation } from './vmcoreinfo.ts';

const START_KERNEL_MAP = 0xffff_ffff_8000_0000n;
const NOTE_HEAD_BYTES = 24;
const PRESENT = 1n;

/** Memory of a kernel that never was: virtual memory is mapped when it is first written, by 4-level tables. */
export class FakeKernel {
  readonly base: PhysAddr;
  readonly memory: Uint8Array<ArrayBuffer>;
  /** Lines of its VMCOREINFO. */
  readonly note = new Map<string, string>();
  /** Pages for tables and virtual memory are taken from here, upwards. */
  #next: number;

  /** What is mapped lies in the pages from `firstUsed` on. */
  constructor(base: number, sizeBytes: number, firstUsed: number) {
    this.base = base as PhysAddr;
    this.memory = new Uint8Array(sizeBytes);
    this.#next = base + firstUsed * PAGE_BYTES;
    const root = this.#takePage();
    for (const line of [
      'OSRELEASE=6.12.1',
      'PAGESIZE=4096',
      'KERNELOFFSET=0',
      'NUMBER(phys_base)=0',
      'NUMBER(pgtable_l5_enabled)=0',
      `SYMBOL(init_top_pgt)=${(START_KERNEL_MAP + BigInt(root)).toString(16)}`,
    ]) {
      this.note.set(line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1));
    }
    this.#root = root;
  }
  readonly #root: number;

  /** Reads this memory and throws outside it. */
  get reader(): PhysicalReader {
    return {
      read: (address, sizeBytes) => {
        const at = address - this.base;
        if (!(at >= 0 && at + sizeBytes <= this.memory.length)) throw new RangeError('outside the slot');
        return this.memory.slice(at, at + sizeBytes);
      },
    };
  }

  get vmcoreinfo(): Vmcoreinfo {
    return decodeVmcoreinfo(this.#encodeNote());
  }

  /** Puts the note into the memory, as a kernel does, and says where it is. */
  placeNote(): VmcoreinfoLocation {
    const note = this.#encodeNote();
    const address = this.#takePage();
    this.memory.set(note, address - this.base);
    return { address: address as PhysAddr, sizeBytes: note.length };
  }

  #encodeNote(): Buffer {
    const text = Buffer.from([...this.note].map(([key, value]) => `${key}=${value}\n`).join(''), 'latin1');
    const note = Buffer.alloc(NOTE_HEAD_BYTES + text.length);
    note.writeUInt32LE(11, 0);
    note.writeUInt32LE(text.length, 4);
    note.write('VMCOREINFO\0', 12, 'latin1');
    text.copy(note, NOTE_HEAD_BYTES);
    return note;
  }

  /** Writes virtual memory, page by page, and maps what was not. */
  write(address: bigint, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const at = this.#pageOf(address + BigInt(done)) + Number((address + BigInt(done)) % 4096n);
      const length = Math.min(bytes.length - done, PAGE_BYTES - (at % PAGE_BYTES));
      this.memory.set(bytes.subarray(done, done + length), at - this.base);
      done += length;
    }
  }

  writeU64(address: bigint, value: bigint): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
    this.write(address, bytes);
  }

  writeU32(address: bigint, value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value >>> 0);
    this.write(address, bytes);
  }

  /** The physical address of the page that holds a virtual address. */
  #pageOf(address: bigint): number {
    let table = this.#root;
    for (const shift of [39n, 30n, 21n, 12n]) {
      const entry = table - this.base + 8 * Number((address >> shift) & 0x1ffn);
      const view = new DataView(this.memory.buffer);
      if (view.getBigUint64(entry, true) === 0n) {
        view.setBigUint64(entry, BigInt(this.#takePage()) | PRESENT, true);
      }
      table = Number(view.getBigUint64(entry, true) & ~0xfffn);
    }
    return table;
  }

  #takePage(): number {
    const page = this.#next;
    this.#next += PAGE_BYTES;
    if (this.#next > this.base + this.memory.length)
      throw new RangeError('the fake kernel needs more memory');
    return page;
  }
}
