import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { homeOf, type MachineSpec } from '../../lab/machine/machine-spec.ts';
import type { QmpClient } from '../../lab/machine/qmp.ts';
import { type PhysAddr, physAddr } from '../../src/base/units.ts';
import { readKernelLog, renderKernelLogRecord } from '../../src/kernel/kernel-log.ts';
import { decodeVmcoreinfo } from '../../src/kernel/vmcoreinfo.ts';
import { SWITCHBOARD_BYTES } from '../../src/switchboard/layout.ts';
import { Switchboard } from '../../src/switchboard/switchboard.ts';

/** The ELF note's name, and the first line of its text (kernel/vmcore_info.c). */
const NOTE_MARK = Buffer.from('VMCOREINFO\0\0OSRELEASE=', 'latin1');
/** Before the name: the sizes of name and text, and a type. */
const NOTE_HEAD_BYTES = 12;

/**
 * The kernel logs of all OSes out of the machine's memory, for when no OS answers: also that of
 * the kernel that hangs, and of one that never got as far as to join. The memory itself stays
 * beside the logs.
 */
export async function saveMemoryLogs(qmp: QmpClient, spec: MachineSpec, directory: string): Promise<void> {
  const argument = /^torpor\.switchboard=(0x[0-9a-f]+)$/;
  const base = homeOf(spec)
    .kernelArguments.map((word) => Number(argument.exec(word)?.[1] ?? 0))
    .find((n) => n > 0);
  if (base === undefined) return;
  await qmp.execute('stop');
  const save = async (name: string, start: number, sizeBytes: number): Promise<Buffer> => {
    const filename = join(directory, `memory-${name}.bin`);
    await qmp.execute('pmemsave', { val: start, size: sizeBytes, filename });
    return readFileSync(filename);
  };
  const bytes = await save('switchboard', base, SWITCHBOARD_BYTES);
  const range = { start: physAddr(base), end: physAddr(base + SWITCHBOARD_BYTES) };
  const switchboard = Switchboard.open({ range, bytes, close: () => {} });
  for (const { index, name, memory } of switchboard.records()) {
    const start = index === 0 ? 0 : memory.start;
    const end = index === 0 ? base : memory.end;
    const label = name === '' ? `slot-${index}` : name;
    const log = readLog(await save(label, start, end - start), start);
    writeFileSync(join(directory, `memory-dmesg-${label}.txt`), `${log.join('\n')}\n`);
  }
}

/** The kernel log in a piece of memory that begins at `start`; a note of what was found when there is none. */
export function readLog(bytes: Buffer, start: number): string[] {
  const reader = {
    read(address: PhysAddr, sizeBytes: number): Uint8Array {
      const from = address - start;
      if (from < 0 || from + sizeBytes > bytes.length) throw new RangeError('outside the OS’s memory');
      return bytes.subarray(from, from + sizeBytes);
    },
  };
  let tried = 0;
  for (let mark = bytes.indexOf(NOTE_MARK); mark >= 0; mark = bytes.indexOf(NOTE_MARK, mark + 1)) {
    const note = mark - NOTE_HEAD_BYTES;
    tried += 1;
    try {
      const textBytes = bytes.readUInt32LE(note + 4);
      const info = decodeVmcoreinfo(bytes.subarray(note, mark + 12 + ((textBytes + 3) & ~3)));
      const records = readKernelLog(reader, info);
      if (records.length > 0) return records.map(renderKernelLogRecord);
    } catch {
      // A copy in some buffer, or an old one: the next may be whole.
    }
  }
  return [`no kernel log was found (${tried} notes were tried)`];
}
