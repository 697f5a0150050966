import { closeSync, ftruncateSync, openSync, readFileSync } from 'node:fs';
import { mapShared, syscall } from '../../../src/sys/native.ts';
import { type GuestProgram, requireEqual } from './guest-program.ts';

const PAGES = 64;
const BYTES = PAGES * 4096;
const SYS_MSYNC = 26;
const MS_SYNC = 4;

export const mappedFile: GuestProgram = {
  id: 'mapped-file',
  doc: 'a file on the disk, mapped shared: its pages are dirtied one after the other',
  start: async ({ nonce }) => {
    const path = '/var/lib/survival/mapped';
    const fd = openSync(path, 'w+');
    ftruncateSync(fd, BYTES);
    const map = mapShared(fd, 0, BYTES);
    closeSync(fd);
    if (map === null) throw new Error('mmap failed');
    const memory = Buffer.from(map.bytes.buffer, map.bytes.byteOffset, BYTES);
    let ticks = 0;
    const line = (tick: number): string => `${nonce} ${tick}`.padEnd(100);
    setInterval(() => {
      memory.write(line(ticks), (ticks % PAGES) * 4096);
      ticks += 1;
    }, 100);
    return async () => {
      requireEqual('msync', 0, syscall(SYS_MSYNC, map.address, BYTES, MS_SYNC, 0, 0, 0));
      const file = readFileSync(path);
      for (let tick = Math.max(0, ticks - PAGES); tick < ticks; tick += 1) {
        const at = (tick % PAGES) * 4096;
        requireEqual(`page ${tick % PAGES}`, line(tick), file.subarray(at, at + 100).toString());
      }
      return { ticks };
    };
  },
};
