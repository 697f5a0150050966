import { TorporError } from '../base/errors.ts';
import { readSlotMemory } from '../engine/resident/slot-memory.ts';
import { readKernelLog } from '../kernel/kernel-log.ts';
import type { SlotRecord } from '../switchboard/record.ts';
import type { Sys } from '../sys/sys.ts';

/**
 * The last `count` lines of the kernel log of an OS that is parked or dead, read out of its memory;
 * of the running one, its log as the kernel gives it. Throws E_VMCOREINFO, E_OS_STATE.
 */
export function lastWords(sys: Sys, record: SlotRecord, count: number): string[] {
  if (record.state === 'running')
    return sys
      .readKernelLog()
      .filter((line) => line !== '')
      .slice(-count);
  if (record.vmcoreinfo === null) {
    throw new TorporError('E_OS_STATE', `“${record.name}” has not said where its log is`, {
      facts: { name: record.name, state: record.state },
      hint: 'an OS says so with `torpor join` when it starts',
    });
  }
  const memory = readSlotMemory(sys, record);
  try {
    const records = readKernelLog(memory, record.vmcoreinfo, { last: count });
    return records.map(
      ({ timestampNs, text }) => `[${(Number(timestampNs) / 1e9).toFixed(6).padStart(12)}] ${text}`,
    );
  } finally {
    memory.close();
  }
}
