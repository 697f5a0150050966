import { availableParallelism } from 'node:os';
import type { FramedWriter } from './framed-writer.ts';
import { compressFrame } from './zstd.ts';

/** Frames that are compressed at a time. */
const IN_FLIGHT = 2 * availableParallelism();

/**
 * Compresses frames in the thread pool, several at a time, and appends them to their blobs in the
 * order in which they were given. An error is thrown by the next `room` or `end`.
 */
export class FrameQueue {
  /** Milliseconds spent in appending, and in waiting for compression. */
  writeMs = 0;
  waitMs = 0;
  #tail: Promise<void> = Promise.resolve();
  #inFlight = 0;
  #error: unknown;
  #wake: (() => void) | null = null;

  /** `raw` must stay as it is until `done` is called, which is when it has been compressed. */
  submit(writer: FramedWriter, raw: Uint8Array, firstItem: number, items: number, done?: () => void): void {
    this.#inFlight += 1;
    const compression = compressFrame(raw).finally(done);
    // A failure is seen where it is waited for.
    compression.catch(() => {});
    this.#then(async () => {
      const compressed = await compression;
      const start = performance.now();
      writer.append({ compressed, rawBytes: raw.length, firstItem, items });
      this.writeMs += performance.now() - start;
    }, true);
  }

  /** Runs `action` when all frames given so far have been appended. */
  afterwards(action: () => void): void {
    this.#then(async () => {
      const start = performance.now();
      action();
      this.writeMs += performance.now() - start;
    }, false);
  }

  /** Waits until another frame may be given. */
  async room(): Promise<void> {
    if (this.#inFlight >= IN_FLIGHT) {
      const start = performance.now();
      const written = this.writeMs;
      while (this.#inFlight >= IN_FLIGHT) await new Promise<void>((wake) => (this.#wake = wake));
      this.waitMs += performance.now() - start - (this.writeMs - written);
    }
    this.#check();
  }

  /** Waits for all that was given. */
  async end(): Promise<void> {
    const start = performance.now();
    const written = this.writeMs;
    await this.#tail;
    this.waitMs += performance.now() - start - (this.writeMs - written);
    this.#check();
  }

  /** Waits until nothing runs any more, whatever came of it. */
  async settle(): Promise<void> {
    this.#error ??= new Error('given up');
    await this.#tail;
  }

  #then(action: () => Promise<void>, isFrame: boolean): void {
    this.#tail = this.#tail.then(async () => {
      try {
        if (this.#error === undefined) await action();
      } catch (error) {
        this.#error = error;
      } finally {
        if (isFrame) this.#inFlight -= 1;
        this.#wake?.();
        this.#wake = null;
      }
    });
  }

  #check(): void {
    if (this.#error !== undefined) throw this.#error;
  }
}
