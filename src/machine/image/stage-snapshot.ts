import { randomBytes } from 'node:crypto';
import type { Bank } from '../../bank/bank.ts';
import { openPageMap } from '../../bank/page-map-reader.ts';
import { PAGE_STATE, RUN_WORDS, runCount, runState } from '../../bank/page-run.ts';
import { type Region, type RegionTarget, regionKey } from '../../bank/region.ts';
import type { Snapshot } from '../../bank/snapshot.ts';
import type { OnProgress } from '../../base/progress.ts';
import { PAGE_BYTES } from '../../base/units.ts';
import type { ImageKernel } from '../../engine/image/image-header.ts';
import { planStreamHead } from '../../engine/image/image-stream.ts';
import { PageRuns } from '../../engine/image/page-runs.ts';
import type { Dialect } from '../../engine/image/pfn-list.ts';
import { visitSection } from '../../engine/image/section-reader.ts';
import { encodeIndex } from '../../engine/image/section-writer.ts';
import { CHUNK_BYTES, type StagingArea } from '../../engine/image/staging-area.ts';
import { FIRST_SECTION_PAGE, SEED_BYTES, type Section } from '../../engine/image/staging-layout.ts';

/** What is to be staged, and for which kernel. */
export interface StagedSnapshot {
  readonly bank: Bank;
  readonly snapshot: Snapshot;
  readonly kernel: ImageKernel;
  /** Of this attempt: 32 hexadecimal digits. */
  readonly id: string;
  readonly dialect: Dialect;
  /** {@link CHUNK_BYTES} of page-aligned memory. */
  readonly buffer: Uint8Array;
}

/** A restore that waits in the staging area. */
export interface PendingRestore {
  readonly reference: string;
  /** How often the snapshot was restored, with this time. */
  readonly generation: number;
}

/** Lays a snapshot out as the kernel takes it; whole and pending when it returns. */
export async function stageSnapshot(
  area: StagingArea,
  { bank, snapshot, kernel, id, dialect, buffer }: StagedSnapshot,
  onProgress?: OnProgress,
): Promise<PendingRestore & { readonly pages: number }> {
  area.discard();
  let pages = 0;
  const sections: Section[] = [];
  const targets: RegionTarget[] = [];
  let next = FIRST_SECTION_PAGE;
  for (const region of snapshot.description.regions) {
    const runs = readRuns(bank, snapshot, region);
    if (region.kind === 'memory') {
      pages = runs.stored + runs.zeros;
      const head = planStreamHead(kernel, runs, dialect);
      const placed = dialect === 'plain' ? withoutZeros(runs) : runs;
      const firstData = next + 1 + head.listPages;
      const dataPages = 1 + head.listPages + head.storedPages;
      area.requireRoom(next, dataPages);
      area.writeAny(next, head.header);
      let page = next + 1;
      for (const list of head.list()) area.writeAny(page++, list);
      targets.push(stagedTarget(area, region, placed, firstData));
      sections.push({
        kind: 'image',
        name: '',
        sizeBytes: dataPages * PAGE_BYTES,
        firstPage: next,
        dataPages,
        indexPages: 0,
        checksum: 0n,
      });
      next += dataPages;
    } else {
      area.requireRoom(next, runs.stored);
      targets.push(stagedTarget(area, region, runs, next));
      let indexPages = 0;
      for (const bytes of encodeIndex(runs, buffer)) {
        area.writeAny(next + runs.stored + indexPages, bytes);
        indexPages += bytes.length / PAGE_BYTES;
      }
      const { name, sizeBytes } = region;
      sections.push({
        kind: 'disk',
        name,
        sizeBytes,
        firstPage: next,
        dataPages: runs.stored,
        indexPages,
        checksum: 0n,
      });
      next += runs.stored + indexPages;
    }
  }
  await bank.place(snapshot, targets, onProgress);
  area.sync();
  const whole = sections.map((section) => ({ ...section, checksum: visitSection(area, section, buffer) }));
  const generation = bank.nextGeneration(snapshot);
  const { reference } = snapshot;
  area.writeHeader({
    state: 'pending',
    id,
    createdMs: Date.now(),
    reference,
    generation,
    seed: randomBytes(SEED_BYTES),
    sections: whole,
  });
  return { reference, generation, pages };
}

/** Which pages of a region a snapshot has. */
export function readRuns(bank: Bank, snapshot: Snapshot, region: Region): PageRuns {
  const map = openPageMap(bank, snapshot, regionKey(region));
  if (map === null) throw new Error(`there is no map of ${regionKey(region)}`);
  const runs = new PageRuns();
  for (let frame = 0; frame < map.frames; frame += 1) {
    const { words, runs: count, firstPage } = map.readNow(frame);
    let page = firstPage;
    for (let run = 0; run < count; run += 1) {
      const word = words[run * RUN_WORDS]!;
      const pages = runCount(word);
      if (runState(word) !== PAGE_STATE.free) runs.add(page, pages, runState(word) === PAGE_STATE.zero);
      page += pages;
    }
  }
  return runs;
}

/** The same pages, all of them stored. */
function withoutZeros(runs: PageRuns): PageRuns {
  const all = new PageRuns();
  for (const { start, count } of runs) all.add(start, count, false);
  return all;
}

/** Pages of a region go to their places in the area; zeros only where the runs have a place for them. */
function stagedTarget(area: StagingArea, region: Region, runs: PageRuns, firstPage: number): RegionTarget {
  const zeros = new Uint8Array(CHUNK_BYTES);
  const write = (start: number, bytes: Uint8Array): void => {
    for (let done = 0; done < bytes.length; ) {
      const page = start + done / PAGE_BYTES;
      const run = runs.find(page);
      if (run === null) throw new Error(`page ${page} has no place`);
      const length = Math.min((run.start + run.count - page) * PAGE_BYTES, bytes.length - done);
      if (!run.isZero)
        area.writeAny(firstPage + run.firstStored + page - run.start, bytes.subarray(done, done + length));
      done += length;
    }
  };
  return {
    region,
    write,
    zero(start, count) {
      for (let done = 0; done < count; done += zeros.length / PAGE_BYTES)
        write(start + done, zeros.subarray(0, Math.min(zeros.length, (count - done) * PAGE_BYTES)));
    },
    free() {},
    flush() {},
    read() {
      throw new Error('a staging area is not compared');
    },
  };
}
