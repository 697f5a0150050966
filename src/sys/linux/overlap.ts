import { addressOf, allocate, lastErrno, lastErrnoNumber, syscall } from '../native.ts';
import { SYSTEM_CALL } from './call.ts';

/** Transfers under way at a time: two buffers of 128 pages, in pieces of a page at worst. */
const MAX_TRANSFERS = 256;
/** IOCB_CMD_PREAD and IOCB_CMD_PWRITE of include/uapi/linux/aio_abi.h (6.12). */
const COMMAND = { read: 0, write: 1 } as const;
/** struct io_event, 32 bytes: data u64 at 0, result s64 at 16. */
const EVENT_BYTES = 32;
/**
 * One struct iocb of 64 bytes (data u64 at 0, opcode u16 at 16, file u32 at 20; buffer, bytes and offset u64 at 24, 32
 * and 40), the list with its address, the context's number, and events.
 */
const PLACE = {
  request: 0,
  list: 64,
  context: 72,
  events: 128,
  end: 128 + MAX_TRANSFERS * EVENT_BYTES,
} as const;

/** Transfers between a file and memory that go on while this process does something else. */
export interface Overlap {
  /**
   * Begins one. Returns what waits for its end and gives the bytes moved, or the negated errno. SAFETY: until then
   * `bytes`, which lie outside of V8's heap, belong to the kernel.
   */
  begin(kind: keyof typeof COMMAND, offset: number, bytes: Uint8Array): () => number;
  /** With nothing under way. */
  close(): void;
}

/** By the kernel's own asynchronous I/O (io_submit(2)); null when it has none or no room for another user. */
export function openOverlap(fd: number): Overlap | null {
  const memory = allocate(PLACE.end);
  const view = new DataView(memory.bytes.buffer, memory.bytes.byteOffset, memory.bytes.length);
  const addressAt = (place: number): bigint => memory.address + BigInt(place);
  if (syscall(SYSTEM_CALL.ioSetup, MAX_TRANSFERS, addressAt(PLACE.context), 0, 0, 0, 0) < 0) {
    memory.unmap();
    return null;
  }
  const context = view.getBigUint64(PLACE.context, true);
  view.setBigUint64(PLACE.list, addressAt(PLACE.request), true);
  const results = new Map<number, number>();
  let last = 0;
  const collect = (): void => {
    // Interrupted by a signal it gives nothing, and is asked again.
    const count = syscall(SYSTEM_CALL.ioGetevents, context, 1, MAX_TRANSFERS, addressAt(PLACE.events), 0, 0);
    if (count < 0 && lastErrno() !== 'EINTR') throw new Error(`io_getevents failed: ${lastErrno()}`);
    for (let event = 0; event < count; event += 1) {
      const at = PLACE.events + event * EVENT_BYTES;
      results.set(Number(view.getBigUint64(at, true)), Number(view.getBigInt64(at + 16, true)));
    }
  };
  return {
    begin(kind, offset, bytes) {
      const id = ++last;
      view.setBigUint64(0, BigInt(id), true);
      view.setUint16(16, COMMAND[kind], true);
      view.setUint32(20, fd, true);
      view.setBigUint64(24, addressOf(bytes), true);
      view.setBigUint64(32, BigInt(bytes.length), true);
      view.setBigUint64(40, BigInt(offset), true);
      // SAFETY: the kernel has copied the request when the call returns.
      const submitted = syscall(SYSTEM_CALL.ioSubmit, context, 1, addressAt(PLACE.list), 0, 0, 0);
      if (submitted < 0) results.set(id, -lastErrnoNumber());
      return () => {
        while (!results.has(id)) collect();
        const result = results.get(id)!;
        results.delete(id);
        return result;
      };
    },
    close() {
      syscall(SYSTEM_CALL.ioDestroy, context, 0, 0, 0, 0, 0);
      memory.unmap();
    },
  };
}
