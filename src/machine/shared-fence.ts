import { createHash } from 'node:crypto';
import { MIB } from '../base/units.ts';
import { readExt4Fence } from '../filesystem/ext4/fence.ts';
import type { BlockDevice } from '../sys/block-device.ts';

const CHUNK_BYTES = MIB;

/**
 * A text that is the same as long as nobody has changed a shared disk. An OS that has it mounted holds
 * a part of it in its memory, so a snapshot goes with that state only. For ext4 it is a digest of the
 * superblock and the journal, which every mount and every write of metadata changes; for anything
 * else of the whole disk.
 */
export function readSharedFence(device: BlockDevice): string {
  const ext4 = readExt4Fence(device);
  if (ext4 !== null) return `ext4:${ext4}`;
  const hash = createHash('sha256');
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (let done = 0; done < device.sizeBytes; done += CHUNK_BYTES) {
    const part = chunk.subarray(0, Math.min(CHUNK_BYTES, device.sizeBytes - done));
    device.read(done, part);
    hash.update(part);
  }
  return `whole:${hash.digest('hex')}`;
}
