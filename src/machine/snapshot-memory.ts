import type { Bank } from '../bank/bank.ts';
import { regionKey } from '../bank/region.ts';
import type { PageReader, Snapshot } from '../bank/snapshot.ts';
import { TorporError } from '../base/errors.ts';
import { hex, PAGE_BYTES, type PhysAddr } from '../base/units.ts';

/** The memory of a frozen OS, out of the bank. */
export interface SnapshotMemory {
  /** A copy. Throws E_BANK_DAMAGED, and E_KERNEL_DATA outside the OS's memory. */
  read(address: PhysAddr, sizeBytes: number): Uint8Array;
  /** Free pages that were read as if they were zeros: nobody stored what they held. */
  readonly freePagesRead: number;
  /** What was damaged in the bank when it was read; a reader above takes it for memory that is not there. */
  readonly damage: TorporError | null;
}

/** Opens the memory regions of a snapshot. Throws E_BANK_DAMAGED. */
export function openSnapshotMemory(bank: Bank, snapshot: Snapshot): SnapshotMemory {
  const regions = snapshot.description.regions.flatMap((region) =>
    region.kind === 'memory' ? [{ region, pages: bank.reader(snapshot, regionKey(region)) }] : [],
  );
  const free = new Set<number>();
  let damage: TorporError | null = null;

  const pageAt = (address: number): Uint8Array | null => {
    const found = regions.find(
      ({ region }) => address >= region.start && address < region.start + region.pages * PAGE_BYTES,
    );
    if (found === undefined) {
      throw new TorporError(
        'E_KERNEL_DATA',
        `${hex(address)} is outside the memory of ${snapshot.reference}`,
      );
    }
    const page = readPage(found.pages, Math.floor((address - found.region.start) / PAGE_BYTES));
    if (page === 'free') free.add(address - (address % PAGE_BYTES));
    return typeof page === 'string' ? null : page;
  };
  const readPage = (pages: PageReader, page: number): Uint8Array | 'zero' | 'free' => {
    try {
      return pages.read(page);
    } catch (error) {
      if (error instanceof TorporError) damage ??= error;
      throw error;
    }
  };
  return {
    read(address, sizeBytes) {
      const copy = new Uint8Array(sizeBytes);
      for (let done = 0; done < sizeBytes; ) {
        const inPage = (address + done) % PAGE_BYTES;
        const length = Math.min(sizeBytes - done, PAGE_BYTES - inPage);
        const page = pageAt(address + done);
        if (page !== null) copy.set(page.subarray(inPage, inPage + length), done);
        done += length;
      }
      return copy;
    },
    get freePagesRead() {
      return free.size;
    },
    get damage() {
      return damage;
    },
  };
}
