import { TorporError } from '../../base/errors.ts';
import { type OnProgress, ProgressMeter } from '../../base/progress.ts';
import { PAGE_BYTES } from '../../base/units.ts';
import { pagesOf, usedPagesOfExt4 } from '../../filesystem/ext4/used-pages.ts';
import type { BlockDevice } from '../../sys/block-device.ts';
import type { Extent, ImageSys, WriteWatch } from '../../sys/image-sys.ts';
import { alignedReader } from './aligned-reader.ts';
import { copyPages, readPages } from './copy-pages.ts';
import { freezeGuarded } from './guarded-freeze.ts';
import { PageRuns } from './page-runs.ts';
import { PageSet } from './page-set.ts';
import { SectionWriter } from './section-writer.ts';
import { StagedPages } from './staged-pages.ts';
import { CHUNK_BYTES, CHUNK_PAGES, type StagingArea } from './staging-area.ts';
import { FIRST_SECTION_PAGE, MAX_SECTIONS, type Section } from './staging-layout.ts';
import type { OwnDisk } from './take-image.ts';

/** What is put into the bank right away, which has digests of its own, needs no checksum. */
const UNCHECKED = { isChecked: false };
/** All that is there, then what was written meanwhile; the rest is left to the pause. */
const ROUNDS_AHEAD = 2;
/** Of a snapshot besides its disks: the image and the facts. */
const OTHER_SECTIONS = 2;

/** A disk whose copy comes about. */
interface DiskCopy {
  readonly name: string;
  readonly device: BlockDevice;
  /** Pages of which the area has nothing, or something that is no longer true. */
  readonly stale: PageSet;
  /** What the next round copies. */
  todo: PageSet;
  /** In the order of their making. */
  layers: { readonly section: Section; readonly runs: PageRuns }[];
}

/**
 * Copies of disks in a staging area: most of them made while all programs run, and completed when all stands still
 * (docs/formats/staging.md). What is written meanwhile is watched; where that cannot be done, or may have missed
 * something, everything is copied while all stands still.
 */
export class DiskCopies {
  readonly #sys: ImageSys;
  readonly #area: StagingArea;
  readonly #disks: readonly DiskCopy[];
  readonly #buffer: Uint8Array;
  /** For bitmaps, which are read between the disk's pages. */
  readonly #small: Uint8Array;
  #watch: WriteWatch | null = null;
  /** The first page of the area that no copy has. */
  #next = FIRST_SECTION_PAGE;

  /** `buffer` is of CHUNK_BYTES. */
  constructor(sys: ImageSys, area: StagingArea, disks: readonly OwnDisk[], buffer: Uint8Array) {
    this.#sys = sys;
    this.#area = area;
    this.#buffer = buffer;
    this.#small = sys.allocatePages(4 * PAGE_BYTES);
    this.#disks = disks.map(({ name, path }) => {
      const device = sys.openDirect(path, 'read');
      const pages = Math.ceil(device.sizeBytes / PAGE_BYTES);
      const stale = new PageSet(pages);
      stale.add({ start: 0, end: pages });
      return { name, device, stale, todo: new PageSet(pages), layers: [] };
    });
  }

  /** The first page of the area that is free for what comes next. */
  get nextPage(): number {
    return this.#next;
  }

  /** Does once what will be done while everything is frozen, so that the code for it is there. */
  rehearse(): void {
    for (const { device } of this.#disks) {
      const pages = Math.min(this.#buffer.length, device.sizeBytes) / PAGE_BYTES;
      copyPages(device, [{ start: 0, end: Math.floor(pages) }], this.#buffer, new PageRuns(), () => {});
      this.#usedPages(device)?.[Symbol.iterator]().next();
    }
  }

  /**
   * Copies what the filesystems have, while programs run: each round begins at a moment at which the filesystems
   * are frozen. Returns why nothing was copied, or null. Throws E_STAGING_FULL, E_SYSCALL.
   */
  copyAhead(filesystems: readonly string[], onProgress?: OnProgress): string | null {
    if (this.#disks.length * (ROUNDS_AHEAD + 1) + OTHER_SECTIONS > MAX_SECTIONS)
      return 'there are too many disks';
    for (let round = 0; round < ROUNDS_AHEAD; round += 1) {
      const thaw = freezeGuarded(this.#sys, filesystems);
      try {
        if (round === 0) this.#watch = this.#sys.watchWrites(this.#disks.map(({ device }) => device.path));
        else this.#takeWrites();
        // What is planned is no longer stale, so it has to be copied.
        if (this.#watch !== null) for (const copy of this.#disks) this.#planRound(copy, false);
      } catch (error) {
        if (!(error instanceof TorporError) || error.code !== 'E_SYSCALL') throw error;
        this.#forget();
        return error.message;
      } finally {
        thaw();
      }
      const isNothing = round === 0 && this.#disks.every(({ todo }) => todo.count() === 0);
      if (isNothing) this.#forget();
      if (this.#watch === null)
        return isNothing ? 'no ext4 says which blocks it uses' : 'what is written meanwhile cannot be told';
      this.#copyRound(false, onProgress);
    }
    return null;
  }

  /** When nothing is written any more, and before the image: what is left for {@link complete}, which must fit behind it. */
  settle(): void {
    this.#takeWrites();
    for (const copy of this.#disks) this.#planRound(copy, true);
  }

  /** Copies the rest, from that page of the area on. Returns the sections of all disks, a disk's in their order. */
  complete(firstPage: number): { readonly sections: readonly Section[]; readonly copiedBytes: number } {
    this.#next = firstPage;
    const copiedBytes = this.#copyRound(true);
    return {
      sections: this.#disks.flatMap(({ layers }) => layers.map(({ section }) => section)),
      copiedBytes,
    };
  }

  /** Compares all that the disks use with the copies, while all stands still. Throws E_STAGING with what is not the same. */
  compare(): void {
    const found = this.#buffer.subarray(0, CHUNK_BYTES / 2);
    const staged = this.#buffer.subarray(CHUNK_BYTES / 2);
    for (const { name, device, stale, layers } of this.#disks) {
      const pages = new StagedPages(
        this.#area,
        layers.map(({ section, runs }) => ({ runs, firstPage: section.firstPage })),
      );
      for (const { start, end } of this.#usedPages(device) ?? [{ start: 0, end: stale.pages }]) {
        for (let page = start, count: number; page < end; page += count) {
          count = Math.min(end - page, CHUNK_PAGES / 2);
          const [there, copy] = [found, staged].map((part) => part.subarray(0, count * PAGE_BYTES));
          readPages(device, page, there!);
          pages.read(page, copy!);
          if (Buffer.compare(there!, copy!) !== 0) throw notTheSame(name, page, count);
        }
      }
    }
  }

  close(): void {
    this.#stopWatching();
    for (const { device } of this.#disks) device.close();
  }

  /** What was written is stale. When that is not known of one disk, nothing that was copied counts. */
  #takeWrites(): void {
    if (this.#watch === null) return;
    const written = takeFrom(this.#watch);
    const isKnown = this.#disks.every(({ layers }, index) => written[index] != null || layers.length === 0);
    if (!isKnown) {
      this.#forget();
      return;
    }
    for (const [index, { stale }] of this.#disks.entries()) {
      for (const range of pagesOf(asRanges(written[index] ?? []))) stale.add(range);
    }
  }

  /** As if nothing had been copied or planned. */
  #forget(): void {
    this.#stopWatching();
    this.#next = FIRST_SECTION_PAGE;
    for (const copy of this.#disks) {
      copy.layers = [];
      copy.stale.add({ start: 0, end: copy.stale.pages });
    }
  }

  #stopWatching(): void {
    this.#watch?.close();
    this.#watch = null;
  }

  /** Whoever cannot say what it uses is copied whole, while all stands still. */
  #planRound(copy: DiskCopy, isLast: boolean): void {
    const { device, stale } = copy;
    copy.todo = new PageSet(stale.pages);
    const used = this.#usedPages(device);
    if (used === null && !isLast) return;
    for (const range of used ?? [{ start: 0, end: stale.pages }]) {
      for (const piece of stale.within(range)) copy.todo.add(piece);
      stale.remove(range);
    }
  }

  /** Writes a section for each disk of which there is something to be copied. Returns the bytes that are not zero. */
  #copyRound(isLast: boolean, onProgress?: OnProgress): number {
    const total = this.#disks.reduce((sum, { todo }) => sum + todo.count(), 0) * PAGE_BYTES;
    const meter = new ProgressMeter('copy disks', total, onProgress);
    let copied = 0;
    for (const copy of this.#disks) {
      const { name, device, todo } = copy;
      const writer = new SectionWriter(this.#area, this.#next, UNCHECKED);
      const runs = new PageRuns();
      copyPages(device, todo.within({ start: 0, end: todo.pages }), this.#buffer, runs, (bytes) => {
        writer.append(bytes);
        meter.add(bytes.length);
        this.#watch?.collect();
      });
      const isNeeded = runs.length > 0 || (isLast && copy.layers.length === 0);
      if (!isNeeded) continue;
      const section = writer.finish({ kind: 'disk', name, sizeBytes: device.sizeBytes }, runs, this.#buffer);
      this.#next += section.dataPages + section.indexPages;
      copied += section.dataPages * PAGE_BYTES;
      copy.layers.push({ section, runs });
    }
    meter.finish();
    return copied;
  }

  /** Null when no ext4 filesystem that is at rest says so. */
  #usedPages(device: BlockDevice) {
    return usedPagesOfExt4(alignedReader(device, this.#small));
  }
}

function notTheSame(disk: string, page: number, count: number): TorporError {
  return new TorporError(
    'E_STAGING',
    `the copy of ${disk} is not what the disk holds, somewhere in the pages ${page} to ${page + count - 1}`,
    {
      facts: { disk, firstPage: page, pages: count },
      hint: 'test the disk of the staging area; when it is sound this is a mistake of Torpor: please report it',
    },
  );
}

/** What cannot be read is not known. */
function takeFrom(watch: WriteWatch): readonly (readonly Extent[] | null)[] {
  try {
    return watch.take();
  } catch (error) {
    if (error instanceof TorporError && error.code === 'E_SYSCALL') return [];
    throw error;
  }
}

const asRanges = (extents: readonly Extent[]) =>
  extents.map(({ start, sizeBytes }) => ({ start, end: start + sizeBytes }));
