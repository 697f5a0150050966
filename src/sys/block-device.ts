/**
 * A disk or partition, as far as snapshots use it. `sys/linux/block-device.ts` is the real one,
 * `sys/block-device.fake.ts` the one of the unit tests; both pass `sys/block-device.contract.ts`.
 * Failing calls throw E_SYSCALL with the facts `call`, `errno` and `path`.
 */
export interface BlockDevice {
  readonly path: string;
  readonly sizeBytes: number;
  /** Fills `into` from byte `offset` on. Bytes behind the end are an error (ERANGE). */
  read(offset: number, into: Uint8Array): void;
  write(offset: number, bytes: Uint8Array): void;
  /**
   * Begins to read or write, and goes on by itself as far as this kernel can. What is returned waits for the end and
   * throws what the call would have thrown; called again it does nothing. SAFETY: until then `bytes`, which lie outside
   * of V8's heap (ImageSys.allocatePages), belong to the device.
   */
  beginRead(offset: number, into: Uint8Array): () => void;
  beginWrite(offset: number, bytes: Uint8Array): () => void;
  /** Makes a range zero, by the device itself where it can. Multiples of 512 bytes. */
  zero(offset: number, sizeBytes: number): void;
  /** This kernel forgets what it has cached of the device; what it has written is written first. */
  dropCache(): void;
  /** What was written is durable when it returns. */
  sync(): void;
  close(): void;
}

/**
 * `read` shares the device with whoever has it open; `write` is refused (EBUSY) while this kernel has
 * it mounted, as swap, or as part of another device (O_EXCL of open(2)).
 */
export type BlockDeviceMode = 'read' | 'write';
