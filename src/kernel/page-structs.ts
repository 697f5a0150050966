import { TorporError } from '../base/errors.ts';
import { PAGE_BYTES } from '../base/units.ts';
import { KernelAddressSpace, type PhysicalReader } from './virtual-memory.ts';
import type { Vmcoreinfo } from './vmcoreinfo.ts';

/**
 * Where the members of `struct page` are that say whether a page is free, in 32-bit words, and what
 * they hold then. All from VMCOREINFO (kernel/vmcore_info.c; the same keys in 6.1, 6.12 and 7.2).
 */
export interface PageLayout {
  readonly sizeBytes: number;
  /** `_mapcount`, which is `page_type` in a page that nobody maps. */
  readonly typeWord: number;
  readonly refcountWord: number;
  /** `private`, 64 bits: the order of a free block, in its first page. */
  readonly orderWord: number;
  /** `typeWord` of the first page of a free block, as a signed 32-bit number. */
  readonly buddyType: number;
  /** Orders of free blocks are below it. */
  readonly orderCount: number;
}

/** All `struct page` of another kernel. Page frame numbers are physical addresses / 4096. */
export interface PageStructs {
  readonly layout: PageLayout;
  /** Page frames of a section: what has a memory map has it for a whole section. */
  readonly sectionPages: number;
  /** The memory map of the section that holds `pfn`; a text says why nothing is known of it. */
  findMap(pfn: number): PageMap | string;
}

/** The structures of `count` pages of a section, one behind the other; null when some are unmapped or unreadable. */
export type PageMap = (pfn: number, count: number) => Int32Array | null;

/** SECTION_MARKED_PRESENT and SECTION_HAS_MEM_MAP (include/linux/mmzone.h, 6.1 to 7.2). */
const PRESENT_WITH_MAP = 3n;
/** Flags are in the lowest bits of section_mem_map; the rest is the address of the map of page frame 0. */
const SECTION_FLAGS = 0xfffn;
const POINTER_BYTES = 8;
/** MAX_PAGE_ORDER of the largest configuration is 22 or less; a block never exceeds a section. */
const MAX_ORDER_COUNT = 24;

/** Opens the memory map of a kernel that does not run. Throws E_VMCOREINFO when the note does not say where it is. */
export function openPageStructs(reader: PhysicalReader, vmcoreinfo: Vmcoreinfo): PageStructs {
  const space = new KernelAddressSpace(reader, vmcoreinfo);
  const layout = decodePageLayout(vmcoreinfo);
  // Only newer kernels tell it (6.12 does, 6.1 does not); each section does.
  const vmemmap = vmcoreinfo.has('SYMBOL(vmemmap)') ? vmcoreinfo.symbol('vmemmap') : null;
  const roots = vmcoreinfo.symbol('mem_section');
  const rootCount = vmcoreinfo.length('mem_section');
  const sectionBytes = vmcoreinfo.size('mem_section');
  const mapOffset = vmcoreinfo.offset('mem_section.section_mem_map');
  const sectionBits = vmcoreinfo.number('SECTION_SIZE_BITS');
  require('SIZE(mem_section)', sectionBytes, isPowerOfTwo(sectionBytes) && sectionBytes <= PAGE_BYTES);
  require('OFFSET(mem_section.section_mem_map)', mapOffset, mapOffset + POINTER_BYTES <= sectionBytes);
  require('NUMBER(SECTION_SIZE_BITS)', sectionBits, sectionBits >= 21n && sectionBits <= 40n);
  require('PAGESIZE', vmcoreinfo.pageSize, vmcoreinfo.pageSize === PAGE_BYTES);
  const sectionPages = 2 ** (Number(sectionBits) - 12);
  const sectionsPerRoot = PAGE_BYTES / sectionBytes;

  const readPointer = (address: bigint): bigint | null => {
    const bytes = space.readVirtual(address, POINTER_BYTES);
    return bytes && new DataView(bytes.buffer, bytes.byteOffset, POINTER_BYTES).getBigUint64(0, true);
  };
  return {
    layout,
    sectionPages,
    findMap(pfn) {
      const section = Math.floor(pfn / sectionPages);
      const root = Math.floor(section / sectionsPerRoot);
      if (root >= rootCount) return 'it lies beyond the sections of that kernel';
      const sections = readPointer(roots + BigInt(root * POINTER_BYTES));
      if (sections === null) return 'the table of its section is unreadable';
      if (sections === 0n) return 'it has no memory map';
      const inRoot = (section % sectionsPerRoot) * sectionBytes;
      const coded = readPointer(sections + BigInt(inRoot + mapOffset));
      if (coded === null) return 'its section is unreadable';
      if ((coded & PRESENT_WITH_MAP) !== PRESENT_WITH_MAP) return 'it has no memory map';
      const map = coded & ~SECTION_FLAGS;
      if (vmemmap !== null && map !== vmemmap) return 'its section says that its memory map is elsewhere';
      return (start, count) => {
        const bytes = space.readVirtualOnce(
          map + BigInt(start) * BigInt(layout.sizeBytes),
          count * layout.sizeBytes,
        );
        return bytes && new Int32Array(bytes.buffer, 0, bytes.byteLength / 4);
      };
    },
  };
}

function decodePageLayout(vmcoreinfo: Vmcoreinfo): PageLayout {
  const sizeBytes = vmcoreinfo.size('page');
  require('SIZE(page)', sizeBytes, sizeBytes % 8 === 0 && sizeBytes >= 32 && sizeBytes <= 512);
  const word = (member: string, memberBytes: number): number => {
    const offset = vmcoreinfo.offset(member);
    require(`OFFSET(${member})`, offset, offset % 4 === 0 && offset + memberBytes <= sizeBytes);
    return offset / 4;
  };
  const orderCount = vmcoreinfo.length('zone.free_area');
  require('LENGTH(zone.free_area)', orderCount, orderCount >= 1 && orderCount <= MAX_ORDER_COUNT);
  return {
    sizeBytes,
    typeWord: word('page._mapcount', 4),
    refcountWord: word('page._refcount', 4),
    orderWord: word('page.private', 8),
    // Printed as int by some versions and as unsigned by others.
    buddyType: Number(BigInt.asIntN(32, vmcoreinfo.number('PAGE_BUDDY_MAPCOUNT_VALUE'))),
    orderCount,
  };
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && Number.isInteger(Math.log2(value));
}

function require(key: string, value: number | bigint, isPossible: boolean): void {
  if (isPossible) return;
  throw new TorporError('E_VMCOREINFO', `${key} of VMCOREINFO cannot be ${value}`, {
    facts: { key, value: String(value) },
  });
}
