import type { Hash } from 'node:crypto';
import { MIB } from '../base/units.ts';
import type { DiskReader } from './disk-reader.ts';

/** Adds the bytes [start, end) of a disk to a hash, a piece at a time. */
export function hashRange(disk: DiskReader, start: number, end: number, hash: Hash): void {
  const chunk = new Uint8Array(Math.max(0, Math.min(MIB, end - start)));
  for (let at = start; at < end; at += chunk.length) {
    const part = chunk.subarray(0, Math.min(chunk.length, end - at));
    disk.read(at, part);
    hash.update(part);
  }
}
