import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { mapShared } from '../../../src/sys/native.ts';
import { type GuestProgram, requireEqual } from './guest-program.ts';

const BYTES = 64 * 1024;

/** shm_open(3) is open(2) in /dev/shm. */
export const sharedMemory: GuestProgram = {
  id: 'shared-memory',
  doc: 'POSIX shared memory that one process counts in and others read',
  start: async ({ nonce }) => {
    const path = '/dev/shm/survival';
    const fd = openSync(path, 'w+');
    ftruncateSync(fd, BYTES);
    const map = mapShared(fd, 0, BYTES);
    closeSync(fd);
    if (map === null) throw new Error('mmap failed');
    const text = Buffer.from(map.bytes.buffer, map.bytes.byteOffset, BYTES);
    text.fill(nonce);
    let ticks = 0;
    const write = (): void => {
      ticks += 1;
      text.write(String(ticks).padStart(12), 0);
    };
    write();
    setInterval(write, 200);
    return async () => {
      const reader = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'inherit'] });
      const chunks: Buffer[] = [];
      reader.stdout.on('data', (chunk) => chunks.push(chunk));
      const before = ticks;
      await once(reader, 'close');
      const seen = Buffer.concat(chunks);
      const count = Number(seen.subarray(0, 12).toString());
      requireEqual('what another process reads is in time', true, count >= before && count <= ticks);
      const wanted = Buffer.alloc(BYTES).fill(nonce);
      requireEqual('the rest of it', 0, Buffer.compare(seen.subarray(12), wanted.subarray(12)));
      return { ticks };
    };
  },
};
