import { alignUp, PAGE_BYTES } from '../../base/units.ts';
import { usedPagesOfExt4 } from '../../filesystem/ext4/used-pages.ts';
import type { BlockDevice } from '../../sys/block-device.ts';
import type { ImageSys, SnapshotDevice } from '../../sys/image-sys.ts';
import { freezeFilesystems } from '../freeze-filesystems.ts';
import { alignedReader } from './aligned-reader.ts';
import { copyPages } from './copy-pages.ts';
import { PageRuns } from './page-runs.ts';
import { rehearseWriting, SectionWriter } from './section-writer.ts';
import { CHUNK_BYTES, CHUNK_PAGES, StagingArea, type StagingPlace } from './staging-area.ts';
import { FIRST_SECTION_PAGE, SEED_BYTES, type Section } from './staging-layout.ts';

/** A disk or partition that belongs to this system. */
export interface OwnDisk {
  /** Its name in the snapshot. */
  readonly name: string;
  readonly path: string;
}

export interface TakePlan {
  readonly staging: StagingPlace;
  readonly id: string;
  readonly createdMs: number;
  /** `OS@TAG` */
  readonly reference: string;
  /** Mount points of filesystems on disks that can be written, in the order of mounting. */
  readonly filesystems: readonly string[];
  readonly disks: readonly OwnDisk[];
  /** What the bank will be told of this system: JSON, kept as it is. */
  readonly facts: string;
}

/** What is put into the bank right away, which has digests of its own, needs no checksum made while all stands still. */
const UNCHECKED = { isChecked: false };

/** The stages in their order. */
export type TakeStage = 'freeze' | 'filesystems' | 'image' | 'stream' | 'disks' | 'complete' | 'thaw';

export interface TakeResult {
  /** `restored`: this system has come back from that image. */
  readonly outcome: 'taken' | 'restored';
  readonly stagesMs: Readonly<Partial<Record<TakeStage, number>>>;
  /** From the first frozen program to the last that runs again; of the side that it is said on. */
  readonly pausedMs: number;
  readonly imageBytes: number;
  readonly diskBytes: number;
}

/**
 * Freezes this system, makes its image, writes it and the disks to the staging area, and goes on. To be
 * called in a process that runs alone (ImageSys.runAlone): every other one is frozen meanwhile. What
 * fails leaves the area without a whole header and the system running. Throws E_SYSCALL, E_STAGING_FULL.
 */
export function takeImage(sys: ImageSys, plan: TakePlan): TakeResult {
  const area = new StagingArea(sys, plan.staging);
  const disks = plan.disks.map((disk) => ({ ...disk, device: sys.openDirect(disk.path, 'read') }));
  const buffer = sys.allocatePages(CHUNK_BYTES);
  // For bitmaps, which are read between the disk's pages.
  const small = sys.allocatePages(4 * PAGE_BYTES);
  const stagesMs: Partial<Record<TakeStage, number>> = {};
  const stage = <T>(name: TakeStage, action: () => T): T => {
    const startMs = performance.now();
    try {
      return action();
    } finally {
      stagesMs[name] = performance.now() - startMs;
    }
  };
  area.discard();
  // Otherwise the image has once more what is on the disks, and the kernel takes it back while all stands still.
  sys.dropCaches();
  rehearse(disks, area, buffer, small);
  sys.lockMemory();
  const snapshot = sys.openSnapshotDevice('take');
  let [imageBytes, diskBytes] = [0, 0];
  let outcome: TakeResult['outcome'] = 'taken';
  const startMs = performance.now();
  try {
    stage('freeze', () => snapshot.freeze());
    const thaw = stage('filesystems', () => freezeFilesystems(sys, plan.filesystems));
    try {
      outcome = stage('image', () => snapshot.createImage());
      if (outcome === 'taken') {
        try {
          const image = stage('stream', () => saveStream(snapshot, area, buffer, UNCHECKED));
          imageBytes = image.dataPages * PAGE_BYTES;
          const sections = stage('disks', () => saveDisks(disks, area, image, buffer, small));
          diskBytes = sections.reduce((sum, { dataPages }) => sum + dataPages * PAGE_BYTES, 0);
          stage('complete', () => {
            const { id, createdMs, reference } = plan;
            const rest = { generation: 0, seed: new Uint8Array(SEED_BYTES) };
            const all = [
              image,
              ...sections,
              saveFacts(plan.facts, area, [image, ...sections].at(-1)!, buffer),
            ];
            area.writeHeader({ state: 'taken', id, createdMs, reference, sections: all, ...rest });
          });
        } finally {
          // Thawing does nothing while there is an image.
          snapshot.free();
        }
      } else {
        sys.logLine(`this system is back from ${plan.reference}`);
        // SAFETY: what the cache has of this disk is from before; the bank and its filesystem have changed since.
        area.dropCache();
        for (const name of ['image', 'stream', 'disks', 'complete'] as const) delete stagesMs[name];
      }
    } finally {
      stage('thaw', thaw);
    }
  } finally {
    stage('thaw', () => {
      snapshot.thaw();
      snapshot.close();
    });
  }
  const pausedMs = performance.now() - startMs;
  area.close();
  for (const { device } of disks) device.close();
  return { outcome, stagesMs, pausedMs, imageBytes, diskBytes };
}

/** Does once what will be done while everything is frozen, so that the code for it is there. */
function rehearse(
  disks: readonly { device: BlockDevice }[],
  area: StagingArea,
  buffer: Uint8Array,
  small: Uint8Array,
): void {
  for (const { device } of disks) {
    const length = Math.min(CHUNK_PAGES, Math.floor(device.sizeBytes / PAGE_BYTES));
    copyPages(device, [{ start: 0, end: length }], buffer, new PageRuns(), () => {});
    usedPagesOfExt4(alignedReader(device, small))?.[Symbol.iterator]().next();
  }
  rehearseWriting(area, buffer);
}

export function saveStream(
  snapshot: SnapshotDevice,
  area: StagingArea,
  buffer: Uint8Array,
  options: { readonly isChecked?: boolean } = {},
): Section {
  const pages = snapshot.imageBytes() / PAGE_BYTES;
  area.requireRoom(FIRST_SECTION_PAGE, pages);
  const writer = new SectionWriter(area, FIRST_SECTION_PAGE, options);
  for (;;) {
    const count = snapshot.read(buffer);
    if (count === 0) break;
    writer.append(buffer.subarray(0, count));
  }
  return writer.finish({ kind: 'image', name: '', sizeBytes: pages * PAGE_BYTES }, null, buffer);
}

function saveDisks(
  disks: readonly (OwnDisk & { device: BlockDevice })[],
  area: StagingArea,
  image: Section,
  buffer: Uint8Array,
  small: Uint8Array,
): Section[] {
  let next = image.firstPage + image.dataPages;
  return disks.map(({ name, device }) => {
    const writer = new SectionWriter(area, next, UNCHECKED);
    const runs = new PageRuns();
    const { sizeBytes } = device;
    const used = usedPagesOfExt4(alignedReader(device, small)) ?? [
      { start: 0, end: Math.ceil(sizeBytes / PAGE_BYTES) },
    ];
    copyPages(device, used, buffer, runs, (bytes) => writer.append(bytes));
    const section = writer.finish({ kind: 'disk', name, sizeBytes }, runs, buffer);
    next = section.firstPage + section.dataPages + section.indexPages;
    return section;
  });
}

export function saveFacts(facts: string, area: StagingArea, before: Section, buffer: Uint8Array): Section {
  const writer = new SectionWriter(area, before.firstPage + before.dataPages + before.indexPages);
  const text = Buffer.from(facts);
  if (text.length > CHUNK_BYTES) throw new Error('facts of more than 1 MiB');
  buffer.fill(0);
  buffer.set(text);
  writer.append(buffer.subarray(0, alignUp(text.length, PAGE_BYTES)));
  return writer.finish({ kind: 'facts', name: '', sizeBytes: text.length }, null, buffer);
}
