import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

const CHUNK_BYTES = 64 * 1024;
const HEAD_BYTES = 8;

/**
 * A large buffer whose every byte is known: chunks that are rewritten again and again and must
 * match the checksums that were taken when they were written.
 */
export class WitnessMemory {
  readonly #bytes: Buffer;
  readonly #template = randomBytes(CHUNK_BYTES);
  readonly #sums: Uint32Array;
  readonly #generations: Uint32Array;
  #verified = 0;
  #rewritten = 0;

  constructor(sizeBytes: number) {
    const chunks = Math.ceil(sizeBytes / CHUNK_BYTES);
    this.#bytes = Buffer.alloc(chunks * CHUNK_BYTES);
    this.#sums = new Uint32Array(chunks);
    this.#generations = new Uint32Array(chunks);
    for (let chunk = 0; chunk < chunks; chunk += 1) this.#write(chunk);
  }

  /** The damage in the next `count` chunks, and then new content in some others. */
  step(count: number): string[] {
    const damage: string[] = [];
    for (let done = 0; done < count; done += 1) {
      damage.push(...this.#verify(this.#verified));
      this.#verified = (this.#verified + 1) % this.#sums.length;
    }
    for (let done = 0; done < count / 2; done += 1) {
      damage.push(...this.#verify(this.#rewritten));
      this.#write(this.#rewritten);
      this.#rewritten = (this.#rewritten + 1) % this.#sums.length;
    }
    return damage;
  }

  /** The damage in all of it. */
  verify(): string[] {
    return Array.from(this.#sums, (_, chunk) => this.#verify(chunk)).flat();
  }

  #chunk(chunk: number): Buffer {
    return this.#bytes.subarray(chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES);
  }

  #write(chunk: number): void {
    this.#generations[chunk]! += 1;
    const bytes = this.#chunk(chunk);
    this.#fill(bytes, chunk);
    this.#sums[chunk] = crc32(bytes);
  }

  /** The template, rotated by an amount that depends on the chunk and on its generation. */
  #fill(bytes: Buffer, chunk: number): void {
    const generation = this.#generations[chunk]!;
    const shift = (chunk * 977 + generation * 4099) % CHUNK_BYTES;
    this.#template.copy(bytes, 0, shift);
    this.#template.copy(bytes, CHUNK_BYTES - shift, 0, shift);
    bytes.writeUInt32LE(chunk, 0);
    bytes.writeUInt32LE(generation, 4);
  }

  #verify(chunk: number): string[] {
    const bytes = this.#chunk(chunk);
    if (crc32(bytes) === this.#sums[chunk]) return [];
    const expected = Buffer.alloc(CHUNK_BYTES);
    this.#fill(expected, chunk);
    const wrong = Array.from(bytes.keys()).filter((at) => bytes[at] !== expected[at]);
    const first = wrong[0] ?? 0;
    const show = (from: Buffer): string => from.subarray(first, first + 16).toString('hex');
    return [
      `memory: chunk ${chunk} generation ${this.#generations[chunk]}: ${wrong.length} bytes wrong, ` +
        `first at ${first}: ${show(bytes)} instead of ${show(expected)}, ` +
        `head ${bytes.subarray(0, HEAD_BYTES).toString('hex')}`,
    ];
  }
}
