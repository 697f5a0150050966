import { createHash } from 'node:crypto';
import { allocate } from '../../../src/sys/native.ts';
import { type GuestProgram, requireEqual } from './guest-program.ts';

const BYTES = 2 * 1024 * 1024;

export const heap: GuestProgram = {
  id: 'heap',
  doc: 'two megabytes of private memory with a checksum, and objects that point at each other',
  start: async ({ nonce }) => {
    const { bytes } = allocate(BYTES);
    let state = Number.parseInt(nonce.slice(0, 8), 16);
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, BYTES / 4);
    for (let at = 0; at < words.length; at += 1) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      words[at] = state;
    }
    const sum = (): string => createHash('sha256').update(bytes).digest('hex');
    const wanted = sum();
    let chain: { value: number; next: unknown } | null = null;
    let ticks = 0;
    setInterval(() => {
      ticks += 1;
      chain = { value: ticks, next: ticks % 1000 === 0 ? null : chain };
    }, 50);
    return async () => {
      requireEqual('the checksum of the memory', wanted, sum());
      let expected = ticks;
      for (let link = chain; link !== null; link = link.next as typeof chain) {
        requireEqual('an object', expected, link.value);
        expected -= 1;
      }
      return { ticks, sum: wanted };
    };
  },
};
