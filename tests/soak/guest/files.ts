import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

/** After so many rewritten files the page cache is emptied, so that the next reads come from the disk. */
const DROP_EVERY = 8;

/** Files that are rewritten with fsync all the time, and whose checksums only this process knows. */
export class WitnessFiles {
  readonly #directory: string;
  readonly #sizeBytes: number;
  readonly #sums: number[];
  #rewritten = 0;
  /** Whoever touches the files queues up here. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(directory: string, count: number, sizeBytes: number) {
    this.#directory = directory;
    this.#sizeBytes = sizeBytes;
    mkdirSync(directory, { recursive: true });
    this.#sums = Array.from({ length: count }, (_, index) => {
      const content = randomBytes(sizeBytes);
      writeFileSync(this.#path(index), content, { flush: true });
      return crc32(content);
    });
  }

  /** Rewrites one file and reads another one. Returns the damage. */
  step(): Promise<string[]> {
    return this.#queue(async () => {
      const index = this.#rewritten % this.#sums.length;
      this.#rewritten += 1;
      const content = randomBytes(this.#sizeBytes);
      const file = await open(this.#path(index), 'r+');
      try {
        await file.write(content, 0, content.length, 0);
        await file.sync();
      } finally {
        await file.close();
      }
      this.#sums[index] = crc32(content);
      if (this.#rewritten % DROP_EVERY === 0) writeFileSync('/proc/sys/vm/drop_caches', '1');
      return await this.#verify((index + 1) % this.#sums.length);
    });
  }

  /** The damage in all files. */
  verify(): Promise<string[]> {
    return this.#queue(async () => {
      const damage = await Promise.all(this.#sums.map((_, index) => this.#verify(index)));
      return damage.flat();
    });
  }

  async #verify(index: number): Promise<string[]> {
    const content = await readFile(this.#path(index));
    const sum = crc32(content);
    if (content.length === this.#sizeBytes && sum === this.#sums[index]) return [];
    return [
      `file ${this.#path(index)}: ${content.length} bytes with the checksum ${sum.toString(16)}, ` +
        `not ${this.#sizeBytes} with ${this.#sums[index]!.toString(16)}`,
    ];
  }

  #path(index: number): string {
    return join(this.#directory, `file-${index}`);
  }

  #queue<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(action);
    this.#turn = turn.catch(() => {});
    return turn;
  }
}
