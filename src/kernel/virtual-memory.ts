import { TorporError } from '../base/errors.ts';
import { hex, PAGE_BYTES, type PhysAddr, physAddr } from '../base/units.ts';
import type { Vmcoreinfo } from './vmcoreinfo.ts';

/** Reads physical memory of one slot. A read that leaves the slot throws; the result may be a live view. */
export interface PhysicalReader {
  read(address: PhysAddr, sizeBytes: number): Uint8Array;
}

/** `__START_KERNEL_map` (arch/x86/include/asm/page_64_types.h): the link base of the kernel image. */
const START_KERNEL_MAP = 0xffff_ffff_8000_0000n;

const PRESENT = 1n << 0n;
/** A leaf above the lowest level: a 2 MiB or 1 GiB page. */
const PAGE_SIZE_BIT = 1n << 7n;
const FRAME_MASK = 0x000f_ffff_ffff_f000n;
const INDEX_BITS = 9n;
const PAGE_BITS = 12n;

/**
 * The kernel half of another kernel's address space, by its own page tables (`init_top_pgt`; x86-64
 * with 4 or 5 levels and 4 KiB, 2 MiB or 1 GiB pages; SDM vol. 3, 5.5). That kernel must not run
 * meanwhile: translations are kept for the lifetime of the object.
 */
export class KernelAddressSpace {
  readonly #reader: PhysicalReader;
  readonly #root: PhysAddr;
  readonly #levels: bigint;
  readonly #frameMask: bigint;
  /** Virtual page number → physical address of the page, null when unmapped or unreadable. */
  readonly #pages = new Map<number, PhysAddr | null>();

  /** Throws E_VMCOREINFO when the note has no usable root of the page tables. */
  constructor(reader: PhysicalReader, vmcoreinfo: Vmcoreinfo) {
    const top = vmcoreinfo.symbol('init_top_pgt');
    const root = top - START_KERNEL_MAP + vmcoreinfo.physBase;
    if (root <= 0n || root > FRAME_MASK || root % BigInt(PAGE_BYTES) !== 0n) {
      throw new TorporError('E_VMCOREINFO', `init_top_pgt at ${hex(top)} is at no physical address`, {
        facts: { symbol: hex(top), physBase: vmcoreinfo.physBase.toString() },
      });
    }
    this.#reader = reader;
    this.#root = physAddr(root);
    this.#levels = vmcoreinfo.la57 ? 5n : 4n;
    // Encrypted kernels (AMD SME) mark frames with one address bit.
    const encryption = vmcoreinfo.has('NUMBER(sme_mask)') ? vmcoreinfo.number('sme_mask') : 0n;
    this.#frameMask = FRAME_MASK & ~encryption;
  }

  /** The physical address behind a virtual one; null when it is not mapped or its tables are unreadable. */
  translate(address: bigint): PhysAddr | null {
    const page = pageNumberOf(address);
    let base = this.#pages.get(page);
    if (base === undefined) {
      base = this.#walk(address);
      this.#pages.set(page, base);
    }
    return base === null ? null : physAddr(base + Number(BigInt.asUintN(12, address)));
  }

  /**
   * Reads virtual memory. Null when a page of it is not mapped or lies outside the reader. The bytes
   * may be a live view of memory.
   */
  readVirtual(address: bigint, sizeBytes: number): Uint8Array | null {
    const pieces: Uint8Array[] = [];
    let done = 0;
    while (done < sizeBytes) {
      const start = this.translate(address + BigInt(done));
      if (start === null) return null;
      let length = Math.min(sizeBytes - done, PAGE_BYTES - (start % PAGE_BYTES));
      // One read for as long as the pages lie one behind the other.
      while (
        done + length < sizeBytes &&
        this.translate(address + BigInt(done + length)) === start + length
      ) {
        length += Math.min(sizeBytes - done - length, PAGE_BYTES);
      }
      const piece = this.#readPhysical(start, length);
      if (piece === null) {
        // Asked for again and again in a damaged ring: do not try a second time.
        const isOnePage = length <= PAGE_BYTES - (start % PAGE_BYTES);
        if (isOnePage) this.#pages.set(pageNumberOf(address + BigInt(done)), null);
        return null;
      }
      pieces.push(piece);
      done += length;
    }
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  /**
   * As readVirtual, for much memory that is looked at once: translations are not kept, large pages are
   * read whole, and the bytes are a copy that starts at a multiple of 8.
   */
  readVirtualOnce(address: bigint, sizeBytes: number): Uint8Array | null {
    const copy = new Uint8Array(sizeBytes);
    let done = 0;
    while (done < sizeBytes) {
      const leaf = this.#findLeaf(address + BigInt(done));
      if (leaf === null) return null;
      const piece = this.#readPhysical(leaf.address, Math.min(sizeBytes - done, leaf.restBytes));
      if (piece === null) return null;
      copy.set(piece, done);
      done += piece.byteLength;
    }
    return copy;
  }

  /** The physical address of the 4 KiB page that holds `address`. */
  #walk(address: bigint): PhysAddr | null {
    const leaf = this.#findLeaf(address);
    return leaf === null ? null : physAddr(leaf.address - (leaf.address % PAGE_BYTES));
  }

  /** Where `address` lies, and how many bytes from there on the same page, small or large, holds. */
  #findLeaf(address: bigint): { address: PhysAddr; restBytes: number } | null {
    const addressBits = Number(PAGE_BITS + this.#levels * INDEX_BITS);
    if (BigInt.asIntN(addressBits, address) !== BigInt.asIntN(64, address)) return null;
    let table = this.#root;
    for (let level = this.#levels; level >= 1n; level -= 1n) {
      const shift = PAGE_BITS + (level - 1n) * INDEX_BITS;
      const index = Number(BigInt.asUintN(Number(INDEX_BITS), address >> shift));
      const bytes = this.#readPhysical(physAddr(table + 8 * index), 8);
      if (bytes === null) return null;
      const entry = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
      if ((entry & PRESENT) === 0n) return null;
      const frame = entry & this.#frameMask;
      const isLeaf = level === 1n || (entry & PAGE_SIZE_BIT) !== 0n;
      if (isLeaf && level > 3n) return null;
      if (isLeaf) {
        const inside = (1n << shift) - 1n;
        const offset = address & inside;
        return { address: physAddr((frame & ~inside) | offset), restBytes: Number(inside + 1n - offset) };
      }
      table = physAddr(frame);
    }
    return null;
  }

  #readPhysical(address: PhysAddr, sizeBytes: number): Uint8Array | null {
    try {
      const bytes = this.#reader.read(address, sizeBytes);
      return bytes.byteLength === sizeBytes ? bytes : null;
    } catch {
      // Damaged tables point anywhere: outside the slot is the same as not mapped.
      return null;
    }
  }
}

function pageNumberOf(address: bigint): number {
  return Number(BigInt.asUintN(64, address) >> PAGE_BITS);
}
