import type { Bank } from '../bank/bank.ts';
import type { Snapshot } from '../bank/snapshot.ts';
import { TorporError } from '../base/errors.ts';
import { physAddr } from '../base/units.ts';
import { readSlotMemory } from '../engine/resident/slot-memory.ts';
import type { FreePageContent } from '../kernel/probe-free-pages.ts';
import type { SlotState } from '../switchboard/layout.ts';
import type { SlotRecord } from '../switchboard/record.ts';
import type { Sys } from '../sys/sys.ts';
import { type InspectSections, inspectKernel, type KernelInspection } from './inspect-kernel.ts';
import { type MemoryUse, measureSlotMemory, measureSnapshotMemory } from './memory-use.ts';
import { openParkedKernel } from './parked-kernel.ts';
import { openSnapshotMemory } from './snapshot-memory.ts';

/** What can be seen in an OS that does not run. */
export interface Inspection extends KernelInspection {
  /** The name of an OS, or `OS@TAG`. */
  readonly name: string;
  /** Of a resident OS; null for a snapshot. */
  readonly state: SlotState | null;
  /** When it was parked or saved; ms since 1970, null unknown. */
  readonly sinceMs: number | null;
  readonly memory: MemoryUse | null;
  /** What its kernel expects to find in free pages. */
  readonly freePages: FreePageContent | null;
}

export interface InspectOptions extends InspectSections {
  /** Also count the pages of zeros of a resident OS, which reads all that it uses. */
  readonly zeros: boolean;
}

/** Looks into a parked or dead OS. Throws E_OS_RUNNING, E_OS_STATE when it was never entered. */
export function inspectOs(sys: Sys, record: SlotRecord, options: InspectOptions): Inspection {
  requireFrozen(record);
  const parked = openParkedKernel(sys, record);
  const memory = readSlotMemory(sys, record);
  try {
    const inspection = inspectKernel(memory, record.vmcoreinfo, parked.commandLine, options);
    const facts = { name: record.name, state: record.state, sinceMs: record.sinceMs || null };
    // Home has all memory that no slot has: no range to count in.
    if (record.index === 0 || record.vmcoreinfo === null || inspection.kernel === null) {
      return { ...inspection, ...facts, memory: null, freePages: null };
    }
    const use = measureSlotMemory(sys, record.memory, parked.used, options);
    return {
      ...inspection,
      ...facts,
      memory: use,
      freePages: parked.freePages,
      unknown: [...inspection.unknown, ...parked.doubts],
    };
  } finally {
    memory.close();
    parked.close();
  }
}

/** Looks into a snapshot. What is damaged in the bank is told in `unknown`. Throws E_BANK_DAMAGED for its page maps. */
export function inspectSnapshot(bank: Bank, snapshot: Snapshot, options: InspectSections): Inspection {
  const { kernel } = snapshot.description;
  const memory = openSnapshotMemory(bank, snapshot);
  const location = kernel.vmcoreinfo && {
    ...kernel.vmcoreinfo,
    address: physAddr(kernel.vmcoreinfo.address),
  };
  const inspection = inspectKernel(memory, location, kernel.commandLine, options);
  const notes: string[] = [];
  if (memory.freePagesRead > 0) {
    notes.push(
      `${memory.freePagesRead} of the pages that were looked at are free in the snapshot: read as zeros`,
    );
  }
  if (memory.damage !== null) notes.push(`the bank is damaged: ${memory.damage.message}`);
  return {
    ...inspection,
    name: snapshot.reference,
    state: null,
    sinceMs: snapshot.createdMs,
    memory: measureSnapshotMemory(bank, snapshot),
    freePages: kernel.freePages,
    unknown: [...inspection.unknown, ...notes],
  };
}

function requireFrozen(record: SlotRecord): void {
  const { name, state } = record;
  if (state === 'running') {
    throw new TorporError(
      'E_OS_RUNNING',
      `“${name}” runs now: only an OS that stands still can be looked into`,
      {
        facts: { name, state },
        hint: 'switch to another OS first, or inspect a snapshot of it',
      },
    );
  }
  if (state !== 'parked' && state !== 'crashed') {
    throw new TorporError('E_OS_STATE', `“${name}” is ${state}: there is no kernel to look into`, {
      facts: { name, state },
      hint: `enter it with \`torpor switch ${name}\``,
    });
  }
}
