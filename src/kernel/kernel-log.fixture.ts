import { readFileSync } from 'node:fs';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { PAGE_BYTES, type PhysAddr } from '../base/units.ts';
import type { PhysicalReader } from './virtual-memory.ts';

/**
 * Pages of a real kernel's memory (tests/fixtures/kernel-log): zstd of one line of JSON, a newline, and the
 * pages one behind the other.
 */
export interface MemoryFixture {
  readonly header: MemoryFixtureHeader;
  /** Physical address of a page → its bytes. */
  readonly pages: Map<number, Uint8Array>;
}

export interface MemoryFixtureHeader {
  /** Kernel release and command line. */
  readonly kernel: string;
  /** What /sys/kernel/vmcoreinfo printed. */
  readonly vmcoreinfo: string;
  /** What `dmesg -r` printed in that kernel. */
  readonly dmesg: string;
  /** What the serial console showed after dmesg. */
  readonly console: string;
}

/** A reader of these pages and nothing else. */
export function readerOf(pages: ReadonlyMap<number, Uint8Array>): PhysicalReader {
  return {
    read(address: PhysAddr, sizeBytes: number): Uint8Array {
      const out = new Uint8Array(sizeBytes);
      for (let done = 0; done < sizeBytes; ) {
        const at = address + done;
        const page = pages.get(at - (at % PAGE_BYTES));
        if (page === undefined) throw new RangeError(`0x${at.toString(16)} is outside the slot`);
        const piece = page.subarray(at % PAGE_BYTES, (at % PAGE_BYTES) + sizeBytes - done);
        out.set(piece, done);
        done += piece.byteLength;
      }
      return out;
    },
  };
}

export function encodeMemoryFixture({ header, pages }: MemoryFixture): Uint8Array {
  const addresses = [...pages.keys()].toSorted((a, b) => a - b);
  const head = Buffer.from(`${JSON.stringify({ ...header, addresses })}\n`);
  return zstdCompressSync(Buffer.concat([head, ...addresses.map((address) => pages.get(address)!)]));
}

export function loadMemoryFixture(name: string): MemoryFixture {
  const path = new URL(`../../tests/fixtures/kernel-log/${name}.zst`, import.meta.url);
  const bytes = zstdDecompressSync(readFileSync(path));
  const end = bytes.indexOf(0x0a);
  const { addresses, ...header } = JSON.parse(bytes.subarray(0, end).toString('utf8'));
  const pages = new Map<number, Uint8Array>();
  for (const [index, address] of (addresses as number[]).entries()) {
    const start = end + 1 + index * PAGE_BYTES;
    pages.set(address, new Uint8Array(bytes.subarray(start, start + PAGE_BYTES)));
  }
  return { header, pages };
}
