import type { Description } from './description.ts';
import type { Manifest } from './oci.ts';

/** A snapshot as index.json names it: known without reading any blob and without the key. */
export interface SnapshotEntry {
  /** Stays when the packs are rewritten; 32 hexadecimal digits. */
  readonly id: string;
  /** Of the manifest: `sha256:…`. */
  readonly digest: string;
  readonly manifestBytes: number;
  readonly os: string;
  readonly tag: string;
  /** `OS@TAG` */
  readonly reference: string;
  readonly note: string;
  readonly createdMs: number;
  /** The id of the snapshot it was compared with; that one may be gone. */
  readonly parent: string | null;
}

/** A snapshot with its manifest and description read and checked. */
export interface Snapshot extends SnapshotEntry {
  readonly manifest: Manifest;
  readonly description: Description;
}

/** What `Bank.save` did. */
export interface Saved {
  readonly id: string;
  readonly digest: string;
  readonly reference: string;
  /** Bytes of all pages that were read. */
  readonly readBytes: number;
  /** Bytes that the bank grew by: packs, page maps, description, manifest. */
  readonly storedBytes: number;
  /** Bytes of pages that were not in the bank before. */
  readonly newBytes: number;
  /** Bytes of pages that the parent, another snapshot or this one itself had already. */
  readonly sharedBytes: number;
  readonly zeroBytes: number;
  readonly freeBytes: number;
  /** Wall-clock time by stage. `compress` runs beside the others. */
  readonly stagesMs: Readonly<Record<SaveStage, number>>;
  readonly totalMs: number;
}
export type SaveStage = 'read' | 'scan' | 'digest' | 'compress' | 'write' | 'commit';

/** A page that is not what the snapshot says. */
export interface Difference {
  /** Key of the region: `memory`, `low`, `disk:NAME`. */
  readonly region: string;
  readonly start: number;
  readonly end: number;
}

/** A restore that was begun: what it writes is not whole until it ends. */
export interface RestoreRecord {
  readonly id: string;
  readonly digest: string;
  readonly reference: string;
  readonly slot: number;
  readonly startedMs: number;
}

/** Reads single pages of a region. */
export interface PageReader {
  readonly pages: number;
  /** The page's bytes (to be copied before the next call), or why there are none. */
  read(page: number): Uint8Array | 'zero' | 'free';
}
