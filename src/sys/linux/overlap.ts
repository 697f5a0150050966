import { defineStruct, u16, u32, u64 } from '../../base/struct.ts';
import { addressOf, allocate, lastErrno, lastErrnoNumber, syscall } from '../native.ts';
import { SYSTEM_CALL } from './call.ts';

/** Transfers under way at a time: two buffers of 256 pages, in pieces of a page at worst. */
const MAX_TRANSFERS = 512;
/** IOCB_CMD_PREAD and IOCB_CMD_PWRITE of include/uapi/linux/aio_abi.h (6.12). */
const COMMAND = { read: 0, write: 1 } as const;
/** struct iocb and struct io_event of the same file. */
const IOCB = defineStruct('iocb', 64, {
  data: u64(0),
  opcode: u16(16),
  file: u32(20),
  address: u64(24),
  sizeBytes: u64(32),
  offset: u64(40),
});
const IO_EVENT = defineStruct('io_event', 32, { data: u64(0), result: u64(16) });
/** One request, the list with its address, the context's number, and events. */
const PLACE = {
  request: 0,
  list: 64,
  context: 72,
  events: 128,
  end: 128 + MAX_TRANSFERS * IO_EVENT.sizeBytes,
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
      const { data, result } = IO_EVENT.decode(memory.bytes, PLACE.events + event * IO_EVENT.sizeBytes);
      results.set(Number(data), Number(BigInt.asIntN(64, result)));
    }
  };
  return {
    begin(kind, offset, bytes) {
      const id = ++last;
      const request = {
        data: BigInt(id),
        opcode: COMMAND[kind],
        file: fd,
        address: addressOf(bytes),
        sizeBytes: BigInt(bytes.length),
        offset: BigInt(offset),
      };
      IOCB.encodeInto(memory.bytes, request, PLACE.request);
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
