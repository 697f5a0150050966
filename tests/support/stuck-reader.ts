/**
 * Runs inside an OS: mounts a FUSE filesystem at the given directory, has `cat` open a file in it,
 * and never answers. Such a task does not freeze. Ends when it is killed: then all is undone.
 */
import { spawn } from 'node:child_process';
import { openSync, readSync, writeSync } from 'node:fs';
import { allocate, lastErrno, syscall } from '../../src/sys/native.ts';

const SYS_MOUNT = 165;
const MS_NOSUID_NODEV = 2 | 4;
// struct fuse_in_header, fuse_out_header, fuse_init_out (include/uapi/linux/fuse.h).
const OUT_HEADER_BYTES = 16;
const INIT_OUT_BYTES = 64;

const directory = process.argv[2]!;
const fd = openSync('/dev/fuse', 'r+');
const texts = allocate(4096);
const place = (offset: number, text: string): bigint => {
  texts.bytes.set(Buffer.from(`${text}\0`), offset);
  return texts.address + BigInt(offset);
};
const type = place(0, 'fuse');
const target = place(64, directory);
const options = place(1024, `fd=${fd},rootmode=40000,user_id=0,group_id=0`);
if (syscall(SYS_MOUNT, type, target, type, MS_NOSUID_NODEV, options, 0) !== 0) {
  throw new Error(`mount: ${lastErrno()}`);
}
const request = Buffer.alloc(1024 * 1024);
readSync(fd, request);
const answer = Buffer.alloc(OUT_HEADER_BYTES + INIT_OUT_BYTES);
answer.writeUInt32LE(answer.length, 0);
request.copy(answer, 8, 8, 16);
answer.writeUInt32LE(7, 16);
answer.writeUInt32LE(31, 20);
answer.writeUInt32LE(4096, 36);
writeSync(fd, answer);
spawn('cat', [`${directory}/nothing`], { stdio: 'ignore' });
console.log('mounted');
setInterval(() => {}, 1 << 30);
