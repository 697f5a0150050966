import { closeSync, openSync } from 'node:fs';
import { allocate, syscall } from '../native.ts';
import { check, SYSTEM_CALL } from './call.ts';

// include/uapi/linux/random.h
const RNDADDENTROPY = 0x40085203;
const RNDRESEEDCRNG = 0x5207;
/** `struct rand_pool_info`: int entropy_count (bits), int buf_size (bytes), then the bytes. */
const POOL_HEAD_BYTES = 8;

export function reseedRandom(seed: Uint8Array): void {
  const fd = openSync('/dev/urandom', 'r');
  const info = allocate(POOL_HEAD_BYTES + seed.length);
  try {
    const view = new DataView(info.bytes.buffer, info.bytes.byteOffset);
    view.setInt32(0, seed.length * 8, true);
    view.setInt32(4, seed.length, true);
    info.bytes.set(seed, POOL_HEAD_BYTES);
    check('RNDADDENTROPY', syscall(SYSTEM_CALL.ioctl, fd, RNDADDENTROPY, info.address, 0, 0, 0));
    check('RNDRESEEDCRNG', syscall(SYSTEM_CALL.ioctl, fd, RNDRESEEDCRNG, 0, 0, 0, 0));
  } finally {
    info.unmap();
    closeSync(fd);
  }
}
