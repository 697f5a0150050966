import { readSlotLog } from '../engine/resident/slot-log.ts';
import { renderKernelLogRecord } from '../kernel/kernel-log.ts';
import type { SlotRecord } from '../switchboard/record.ts';
import type { Sys } from '../sys/sys.ts';

/**
 * The last `count` lines of an OS's kernel log: of one that is parked or dead, read out of its
 * memory; of the running one, as the kernel gives it. Throws E_VMCOREINFO, E_OS_STATE.
 */
export function lastWords(sys: Sys, record: SlotRecord, count: number): string[] {
  if (record.state === 'running') return sys.readKernelLog().slice(-count);
  return readSlotLog(sys, record, count).map(renderKernelLogRecord);
}
