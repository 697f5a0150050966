/** Pages one after the other: all of them stored, or all of them zero and not stored. */
export interface PageRun {
  readonly start: number;
  readonly count: number;
  readonly isZero: boolean;
  /** Where the first of them is among the stored pages; meaningless for zeros. */
  readonly firstStored: number;
}

/**
 * Which pages of a memory or a disk there are, in ascending order, and where each is among the stored
 * ones, which follow each other in the same order. 24 bytes a run.
 */
export class PageRuns {
  #starts = new Float64Array(1024);
  /** Negative for zeros. */
  #counts = new Float64Array(1024);
  #firstStored = new Float64Array(1024);
  #length = 0;
  #end = 0;
  stored = 0;
  zeros = 0;

  get length(): number {
    return this.#length;
  }

  /** One past the last page; 0 when there is none. */
  get end(): number {
    return this.#end;
  }

  /** Adds pages behind all others. Throws RangeError when they are not. */
  add(start: number, count: number, isZero: boolean): void {
    if (!Number.isSafeInteger(start + count) || start < this.#end || count < 1) {
      throw new RangeError(`pages ${start} to ${start + count - 1} do not follow page ${this.#end - 1}`);
    }
    const last = this.#length - 1;
    const joins = last >= 0 && start === this.#end && this.#counts[last]! < 0 === isZero;
    if (joins) this.#counts[last]! += isZero ? -count : count;
    else this.#push(start, isZero ? -count : count);
    this.#end = start + count;
    if (isZero) this.zeros += count;
    else this.stored += count;
  }

  at(index: number): PageRun {
    const count = this.#counts[index]!;
    return {
      start: this.#starts[index]!,
      count: Math.abs(count),
      isZero: count < 0,
      firstStored: this.#firstStored[index]!,
    };
  }

  /** The run that a page is in; null when it is in none. */
  find(page: number): PageRun | null {
    const run = this.findFrom(page);
    return run !== null && run.start <= page ? run : null;
  }

  /** The run that a page is in, or the first one behind it; null when there is none. */
  findFrom(page: number): PageRun | null {
    let [low, high] = [0, this.#length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle]! + Math.abs(this.#counts[middle]!) <= page) low = middle + 1;
      else high = middle;
    }
    return low < this.#length ? this.at(low) : null;
  }

  *[Symbol.iterator](): Generator<PageRun, void, undefined> {
    for (let index = 0; index < this.#length; index += 1) yield this.at(index);
  }

  #push(start: number, count: number): void {
    if (this.#length === this.#starts.length) {
      const grow = (old: Float64Array): Float64Array<ArrayBuffer> => {
        const larger = new Float64Array(old.length * 2);
        larger.set(old);
        return larger;
      };
      this.#starts = grow(this.#starts);
      this.#counts = grow(this.#counts);
      this.#firstStored = grow(this.#firstStored);
    }
    this.#starts[this.#length] = start;
    this.#counts[this.#length] = count;
    this.#firstStored[this.#length] = this.stored;
    this.#length += 1;
  }
}
