import { PAGE_BYTES } from '../../base/units.ts';
import type { PageRange } from '../../filesystem/ext4/used-pages.ts';
import type { PageRun, PageRuns } from './page-runs.ts';
import type { StagingArea } from './staging-area.ts';

/** Some pages of a memory or disk in a staging area, the first stored one at `firstPage` of it. */
export interface StagedLayer {
  readonly runs: PageRuns;
  readonly firstPage: number;
}

/** Pages one after the other that are in one place. */
interface Piece {
  readonly start: number;
  readonly count: number;
  /** Their first page of the area; null: zeros. */
  readonly at: number | null;
}

/** What is in a staging area in layers: of a page that is in several the last one counts. */
export class StagedPages {
  readonly #area: StagingArea;
  readonly #layers: readonly StagedLayer[];
  #scratch = new Uint8Array(0);

  constructor(area: StagingArea, layers: readonly StagedLayer[]) {
    this.#area = area;
    this.#layers = layers;
  }

  /** The pages that there are, without regard to what is zero: ascending and apart from each other. */
  ranges(): Generator<PageRange, void, undefined> {
    return joinRanges(this.#layers.map(({ runs }) => runs));
  }

  /** Whole pages from `start` on. Throws RangeError when one of them is not there. */
  read(start: number, into: Uint8Array): void {
    if (this.#scratch.length < into.length) this.#scratch = new Uint8Array(into.length);
    const pieces = [...findPieces(this.#layers, start, start + into.length / PAGE_BYTES)];
    // What is stored mostly follows each other, whatever zeros are between: one read for all.
    for (const { at, count, pieces: parts } of joinReads(pieces)) {
      this.#area.readAny(at, this.#scratch.subarray(0, count * PAGE_BYTES));
      for (const piece of parts) {
        const from = (piece.at! - at) * PAGE_BYTES;
        const bytes = this.#scratch.subarray(from, from + piece.count * PAGE_BYTES);
        into.set(bytes, (piece.start - start) * PAGE_BYTES);
      }
    }
    for (const piece of pieces) {
      if (piece.at !== null) continue;
      into.fill(0, (piece.start - start) * PAGE_BYTES, (piece.start - start + piece.count) * PAGE_BYTES);
    }
  }
}

/** Where the pages [start, end) are. Throws RangeError when one of them is nowhere. */
function* findPieces(
  layers: readonly StagedLayer[],
  start: number,
  end: number,
): Generator<Piece, void, undefined> {
  const topDown = layers.toReversed();
  for (let page = start, next: number; page < end; page = next) {
    next = end;
    let found: Piece | null = null;
    for (const { runs, firstPage } of topDown) {
      const run = runs.findFrom(page);
      if (run === null) continue;
      if (run.start > page) {
        // A layer above the one that has this page has the page where that run begins.
        next = Math.min(next, run.start);
        continue;
      }
      next = Math.min(next, run.start + run.count);
      found = pieceOf(run, page, next - page, firstPage);
      break;
    }
    if (found === null) throw new RangeError(`page ${page} is not staged`);
    yield found;
  }
}

function pieceOf(run: PageRun, start: number, count: number, firstPage: number): Piece {
  return { start, count, at: run.isZero ? null : firstPage + run.firstStored + start - run.start };
}

/** Stored pieces that follow each other in the area. */
function joinReads(pieces: readonly Piece[]): { at: number; count: number; pieces: Piece[] }[] {
  const reads: { at: number; count: number; pieces: Piece[] }[] = [];
  for (const piece of pieces) {
    if (piece.at === null) continue;
    const last = reads.at(-1);
    if (last !== undefined && last.at + last.count === piece.at) {
      last.pieces.push(piece);
      last.count += piece.count;
    } else reads.push({ at: piece.at, count: piece.count, pieces: [piece] });
  }
  return reads;
}

/** The pages that are in any of them, without regard to what is zero: ascending and apart from each other. */
function* joinRanges(all: readonly PageRuns[]): Generator<PageRange, void, undefined> {
  const walks = all.map((runs) => ({ runs, index: 0 }));
  let pending: PageRange | null = null;
  for (;;) {
    const [first] = walks
      .filter(({ runs, index }) => index < runs.length)
      .toSorted((a, b) => a.runs.at(a.index).start - b.runs.at(b.index).start);
    if (first === undefined) break;
    const { start, count } = first.runs.at(first.index);
    first.index += 1;
    if (pending !== null && start <= pending.end) {
      pending = { start: pending.start, end: Math.max(pending.end, start + count) };
      continue;
    }
    if (pending !== null) yield pending;
    pending = { start, end: start + count };
  }
  if (pending !== null) yield pending;
}
