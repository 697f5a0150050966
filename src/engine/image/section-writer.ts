import { PAGE_BYTES } from '../../base/units.ts';
import { startXxh64, type Xxh64 } from '../../sys/xxh64.ts';
import { PageRuns } from './page-runs.ts';
import { CHUNK_BYTES, CHUNK_PAGES, type StagingArea } from './staging-area.ts';
import { encodeIndexEntry, RUNS_PER_PAGE, type Section } from './staging-layout.ts';

/** Writes pages of a section one after the other and adds up their checksum, where somebody will compare it. */
export class SectionWriter {
  readonly firstPage: number;
  readonly #area: StagingArea;
  /** Null: nobody will compare it. */
  readonly #checksum: Xxh64 | null;
  #dataPages = 0;

  constructor(area: StagingArea, firstPage: number, { isChecked = true } = {}) {
    this.#area = area;
    this.#checksum = isChecked ? startXxh64() : null;
    this.firstPage = firstPage;
  }

  get nextPage(): number {
    return this.firstPage + this.#dataPages;
  }

  /** Whole pages, page-aligned memory. */
  append(bytes: Uint8Array): void {
    this.beginAppend(bytes)();
  }

  /** Begins it. Returns what waits for its end; until then `bytes` stay as they are. */
  beginAppend(bytes: Uint8Array): () => void {
    const finish = this.#area.beginWrite(this.nextPage, bytes);
    this.#checksum?.update(bytes);
    this.#dataPages += bytes.length / PAGE_BYTES;
    return finish;
  }

  /** What a section says of itself; `runs` are written behind the data as its index. */
  finish(
    about: Pick<Section, 'kind' | 'name' | 'sizeBytes'>,
    runs: PageRuns | null,
    buffer: Uint8Array,
  ): Section {
    const dataPages = this.#dataPages;
    if (runs !== null) for (const bytes of encodeIndex(runs, buffer)) this.append(bytes);
    const indexPages = this.#dataPages - dataPages;
    const checksum = this.#checksum?.digest() ?? 0n;
    return { ...about, firstPage: this.firstPage, dataPages, indexPages, checksum };
  }
}

/** The index in pieces of up to {@link CHUNK_BYTES}, in the buffer given. */
export function* encodeIndex(runs: PageRuns, buffer: Uint8Array): Generator<Uint8Array, void, undefined> {
  buffer.fill(0);
  let entries = 0;
  for (const run of runs) {
    for (let done = 0; done < run.count; done += MAX_RUN) {
      const count = Math.min(MAX_RUN, run.count - done);
      encodeIndexEntry(buffer, entries, { start: run.start + done, count, isZero: run.isZero });
      entries += 1;
      if (entries < CHUNK_PAGES * RUNS_PER_PAGE) continue;
      yield buffer.subarray(0, CHUNK_BYTES);
      buffer.fill(0);
      entries = 0;
    }
  }
  if (entries > 0) yield buffer.subarray(0, Math.ceil(entries / RUNS_PER_PAGE) * PAGE_BYTES);
}

/** Pages of one entry: its count has 32 bits. */
const MAX_RUN = 2 ** 31;

/** Writes a section once before everything is frozen, so that the code for it is there. */
export function rehearseWriting(area: StagingArea, firstPage: number, buffer: Uint8Array): void {
  const writer = new SectionWriter(area, firstPage);
  writer.append(buffer.subarray(0, PAGE_BYTES).fill(0));
  const runs = new PageRuns();
  runs.add(0, 1, true);
  writer.finish({ kind: 'disk', name: '', sizeBytes: 0 }, runs, buffer);
}
