import { MAX_PACKS, PACK_PAGES } from './description.ts';

/** What a page is in a page map: nobody's, zeros, or in a pack. */
export const PAGE_STATE = { free: 0, zero: 1, stored: 2 } as const;
export type PageState = (typeof PAGE_STATE)[keyof typeof PAGE_STATE];

/** A run is three 32-bit words: state in the two upper bits of the first, count below; pack; first page in it. */
export const RUN_WORDS = 3;
export const RUN_BYTES = 4 * RUN_WORDS;
export const MAX_RUN_PAGES = 2 ** 30 - 1;
/** Runs of a frame: 768 KiB. */
export const FRAME_RUNS = 65_536;

/** Runs of one frame of a page map, in page order. */
export interface RunBatch {
  readonly firstPage: number;
  /** One past the last. */
  readonly endPage: number;
  readonly runs: number;
  /** `RUN_WORDS` words for each run. */
  readonly words: Uint32Array;
}

export function runState(word: number): PageState {
  return (word >>> 30) as PageState;
}

export function runCount(word: number): number {
  return word & MAX_RUN_PAGES;
}

export function packRunWord(state: PageState, count: number): number {
  return ((state << 30) | count) >>> 0;
}

/** Checks a frame of runs against the packs that the snapshot has; `packPages`: pages of each. Throws RangeError. */
export function decodeRuns(bytes: Uint8Array, firstPage: number, packPages: readonly number[]): RunBatch {
  if (bytes.length === 0 || bytes.length % RUN_BYTES !== 0 || bytes.length > FRAME_RUNS * RUN_BYTES) {
    throw new RangeError(`${bytes.length} bytes are no runs`);
  }
  // An array of its own is aligned, wherever the bytes are.
  const words = new Uint32Array(Uint8Array.from(bytes).buffer);
  const runs = words.length / RUN_WORDS;
  let page = firstPage;
  for (let run = 0; run < runs; run += 1) {
    const [word, pack, first] = [words[3 * run]!, words[3 * run + 1]!, words[3 * run + 2]!];
    const count = runCount(word);
    const state = runState(word);
    if (count === 0) throw new RangeError('a run of no pages');
    if (state > PAGE_STATE.stored) throw new RangeError(`a run of unknown pages, ${state}`);
    if (state === PAGE_STATE.stored) {
      if (pack >= packPages.length || pack >= MAX_PACKS)
        throw new RangeError(`a run in pack ${pack}, which is not there`);
      if (count > PACK_PAGES || first + count > packPages[pack]!)
        throw new RangeError('a run that leaves its pack');
    } else if (pack !== 0 || first !== 0) {
      throw new RangeError('a run of no stored pages that is in a pack');
    }
    page += count;
  }
  return { firstPage, endPage: page, runs, words };
}
