import { closeSync, constants, existsSync, mkdirSync, openSync, readSync, rmdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Extent, WriteWatch } from '../image-sys.ts';
import { failure } from './file-call.ts';
import { listDirectory, readFile, readLink, writeTextFile } from './files.ts';
import { undoLater } from './undo.ts';

/** Documentation/trace/ftrace.rst (6.12): a trace of our own, apart from what others trace. */
const INSTANCES = '/sys/kernel/tracing/instances';
const INSTANCE = `${INSTANCES}/torpor`;
/** Room for some ten thousand writes between two looks. */
const BUFFER_KIB_PER_CPU = 1024;
const READ_BYTES = 64 * 1024;
const SECTOR_BYTES = 512;
/** More pieces than that are joined where they touch. */
const MAX_PIECES = 65_536;
/** Fields of /sys/class/block/NAME/stat that count sectors (Documentation/block/stat.rst). */
const WRITTEN_SECTORS = 6;
const DISCARDED_SECTORS = 13;

/** A disk or partition as the block layer knows it. */
interface Watched {
  readonly statPath: string;
  /** MAJOR,MINOR of the whole disk: events name that, and sectors of it. */
  readonly wholeDisk: string;
  /** On the whole disk. */
  readonly firstSector: number;
  readonly endSector: number;
}

/** One write, discard or writing of zeros, in sectors of the whole disk. */
export interface WriteEvent {
  readonly wholeDisk: string;
  readonly sector: number;
  readonly sectors: number;
}

/**
 * Watches writes by the event `block_bio_queue` (include/trace/events/block.h, 6.1 to 7.2): every bio that a
 * filesystem or program gives to the disk, before it is carried out. The disk's own count of sectors is the proof
 * that none was missed. Throws E_SYSCALL when this kernel has no such trace.
 */
export function watchWrites(paths: readonly string[]): WriteWatch {
  const watched = paths.map(findWatched);
  const seen = watched.map((): Extent[] => []);
  const traced = watched.map(() => 0);
  const text = Buffer.alloc(READ_BYTES);
  let rest = '';
  const { fd, remove } = openTrace(watched);
  let counts = watched.map(readSectors);
  const collect = (): void => {
    for (;;) {
      const length = readSome(fd, text);
      if (length === 0) return;
      const lines = (rest + text.toString('latin1', 0, length)).split('\n');
      rest = lines.pop()!;
      for (const event of parseWriteEvents(lines)) noteEvent(event);
    }
  };
  const noteEvent = ({ wholeDisk, sector, sectors }: WriteEvent): void => {
    for (const [index, disk] of watched.entries()) {
      if (disk === null || disk.wholeDisk !== wholeDisk) continue;
      if (sector < disk.firstSector || sector >= disk.endSector) continue;
      const start = (sector - disk.firstSector) * SECTOR_BYTES;
      seen[index]!.push({ start, sizeBytes: sectors * SECTOR_BYTES });
      traced[index]! += sectors;
      if (seen[index]!.length > MAX_PIECES) seen[index] = joinExtents(seen[index]!);
    }
  };
  return {
    collect,
    take() {
      collect();
      const before = counts;
      counts = watched.map(readSectors);
      const hasLost = lostEvents() > 0;
      return watched.map((disk, index) => {
        const isKnown = disk !== null && !hasLost && counts[index] === before[index]! + traced[index]!;
        traced[index] = 0;
        const written = joinExtents(seen[index]!.splice(0));
        return isKnown ? written : null;
      });
    },
    close() {
      closeSync(fd);
      remove();
    },
  };
}

/** Lines such as `block_bio_queue: 254,0 WS 2048 + 8 [jbd2/vda-8]`; whatever else is there is left out. */
export function* parseWriteEvents(lines: Iterable<string>): Generator<WriteEvent, void, undefined> {
  for (const line of lines) {
    const found = /block_bio_queue: (\d+,\d+) [A-Z]+ (\d+) \+ (\d+) \[/.exec(line);
    if (found !== null) yield { wholeDisk: found[1]!, sector: Number(found[2]), sectors: Number(found[3]) };
  }
}

/** The same bytes in ascending order, apart from each other. */
export function joinExtents(extents: readonly Extent[]): Extent[] {
  const joined: Extent[] = [];
  for (const { start, sizeBytes } of extents.toSorted((a, b) => a.start - b.start)) {
    const last = joined.at(-1);
    if (last === undefined || start > last.start + last.sizeBytes) joined.push({ start, sizeBytes });
    else {
      const end = Math.max(last.start + last.sizeBytes, start + sizeBytes);
      joined[joined.length - 1] = { start: last.start, sizeBytes: end - last.start };
    }
  }
  return joined;
}

/** Null when its writes cannot be told: no disk of this system, or one that does not count or that chooses places itself. */
function findWatched(path: string): Watched | null {
  const name = basename(path);
  const own = `/sys/class/block/${name}`;
  const link = readLink(own);
  if (link === null) return null;
  const read = (file: string): string => readFile(file)?.toString().trim() ?? '';
  const isPartition = existsSync(`${own}/partition`);
  const whole = isPartition ? `/sys/class/block/${basename(dirname(link))}` : own;
  // Device mapper counts by itself, whatever that says (dm_io_acct() of drivers/md/dm.c, 6.1).
  const isCounted = read(`${whole}/queue/iostats`) === '1' || existsSync(`${whole}/dm`);
  if (!isCounted) return null;
  if (!['', 'none'].includes(read(`${whole}/queue/zoned`))) return null;
  const firstSector = isPartition ? Number(read(`${own}/start`)) : 0;
  return {
    statPath: `${own}/stat`,
    wholeDisk: read(`${whole}/dev`).replace(':', ','),
    firstSector,
    endSector: firstSector + Number(read(`${own}/size`)),
  };
}

/** Written and discarded ones, as far as they are completed. */
function readSectors(disk: Watched | null): number {
  if (disk === null) return 0;
  const fields = readFile(disk.statPath)?.toString().trim().split(/\s+/).map(Number) ?? [];
  return (fields[WRITTEN_SECTORS] ?? Number.NaN) + (fields[DISCARDED_SECTORS] ?? 0);
}

/** Starts the trace. Returns its pipe, which does not wait, and what removes the trace when the pipe is closed. */
function openTrace(watched: readonly (Watched | null)[]): { readonly fd: number; remove(): void } {
  const disks = [...new Set(watched.flatMap((disk) => (disk === null ? [] : [disk.wholeDisk])))];
  if (disks.length === 0) throw failure('trace', INSTANCE, 'ENODEV');
  // One that was left by a program that was ended.
  if (existsSync(INSTANCE)) removeInstance();
  const forget = undoLater({ kind: 'remove', path: INSTANCE });
  const remove = (): void => {
    removeInstance();
    forget();
  };
  try {
    mkdirSync(INSTANCE);
    const set = (file: string, value: string): void => writeTextFile(`${INSTANCE}/${file}`, value);
    set('buffer_size_kb', String(BUFFER_KIB_PER_CPU));
    // What comes when the buffer is full is dropped, and counted.
    set('trace_options', 'nooverwrite');
    set('trace_options', 'nocontext-info');
    const anyDisk = disks.map((disk) => `dev == ${deviceNumber(disk)}`).join(' || ');
    set('events/block/block_bio_queue/filter', `!(rwbs ~ "R*") && nr_sector > 0 && (${anyDisk})`);
    set('events/block/block_bio_queue/enable', '1');
    const fd = openSync(`${INSTANCE}/trace_pipe`, constants.O_RDONLY | constants.O_NONBLOCK);
    return { fd, remove };
  } catch (cause) {
    remove();
    throw failure('trace', INSTANCE, (cause as NodeJS.ErrnoException).code ?? 'unknown', cause);
  }
}

/** MKDEV() of include/linux/kdev_t.h. */
function deviceNumber(disk: string): number {
  const [major, minor] = disk.split(',').map(Number);
  return major! * 2 ** 20 + minor!;
}

/** 0 at the end of what there is now. */
function readSome(fd: number, into: Uint8Array): number {
  try {
    return readSync(fd, into);
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    if (errno === 'EAGAIN') return 0;
    throw failure('read', `${INSTANCE}/trace_pipe`, errno, cause);
  }
}

/** Over all processors: `overrun: 0`, `commit overrun: 0`, `dropped events: 0`. */
function lostEvents(): number {
  let lost = 0;
  for (const cpu of listDirectory(`${INSTANCE}/per_cpu`)) {
    const stats = readFile(`${INSTANCE}/per_cpu/${cpu}/stats`)?.toString() ?? '';
    for (const [, count] of stats.matchAll(/^(?:commit overrun|overrun|dropped events): (\d+)$/gm))
      lost += Number(count);
  }
  return lost;
}

/** What cannot be removed is removed by the next watch. */
function removeInstance(): void {
  try {
    rmdirSync(INSTANCE);
  } catch {
    // Nothing depends on it.
  }
}
