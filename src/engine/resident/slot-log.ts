import { TorporError } from '../../base/errors.ts';
import { type KernelLogRecord, readKernelLog } from '../../kernel/kernel-log.ts';
import { decodeVmcoreinfo } from '../../kernel/vmcoreinfo.ts';
import type { SlotRecord } from '../../switchboard/record.ts';
import type { Sys } from '../../sys/sys.ts';
import { readSlotMemory } from './slot-memory.ts';

/**
 * The last `count` records of the kernel log of an OS that is parked or dead, out of its memory.
 * Throws E_OS_STATE when the OS never said where its log is, and E_VMCOREINFO.
 */
export function readSlotLog(sys: Sys, record: SlotRecord, count: number): KernelLogRecord[] {
  if (record.vmcoreinfo === null) {
    throw new TorporError('E_OS_STATE', `“${record.name}” has not said where its log is`, {
      facts: { name: record.name, state: record.state },
      hint: 'an OS says so with `torpor join` when it starts',
    });
  }
  const memory = readSlotMemory(sys, record);
  try {
    const note = memory.read(record.vmcoreinfo.address, record.vmcoreinfo.sizeBytes);
    return readKernelLog(memory, decodeVmcoreinfo(note), { last: count });
  } finally {
    memory.close();
  }
}
