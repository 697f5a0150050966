import type { Bank } from './bank.ts';
import { PageMap } from './page-map-reader.ts';
import { PAGE_STATE, RUN_WORDS, runCount, runState } from './page-run.ts';
import type { Snapshot } from './snapshot.ts';

/** `pack` is its number in the snapshot's description; `first` the first page in it. */
export type OnStoredRun = (pack: number, first: number, count: number) => void;

/** Walks all runs of stored pages of a snapshot, region after region. Throws E_BANK_DAMAGED. */
export async function eachStoredRun(bank: Bank, snapshot: Snapshot, onRun: OnStoredRun): Promise<void> {
  for (const number of snapshot.description.regions.keys()) {
    const map = new PageMap(bank, snapshot, number);
    for (let frame = 0; frame < map.frames; frame += 1) {
      const { words, runs } = await map.read(frame);
      for (let at = 0; at < runs * RUN_WORDS; at += RUN_WORDS) {
        if (runState(words[at]!) === PAGE_STATE.stored)
          onRun(words[at + 1]!, words[at + 2]!, runCount(words[at]!));
      }
    }
  }
}
