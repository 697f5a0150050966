import type { ByteRange, DiskReader } from './disk-reader.ts';
import { readExt4Layout } from './ext4/superblock.ts';
import { type PageRange, pagesOf, usedBytesOfExt4 } from './ext4/used-pages.ts';
import { readPartitions } from './partition-table.ts';

/** What of a disk is in use. */
export interface DiskUse {
  /** Pages of 4096 bytes, ascending and apart from each other. */
  readonly pages: Iterable<PageRange>;
  /** An ext4 filesystem on it is mounted or damaged: its bitmaps are not believed, and all of it counts. */
  readonly isUnquiet: boolean;
}

/**
 * Looks for ext4 filesystems on a disk or in its partitions. Everything that is not known to be free counts: other
 * filesystems, what lies between partitions, a disk without anything that is understood.
 */
export function readDiskUse(disk: DiskReader): DiskUse {
  const whole = readPart(disk, { start: 0, end: disk.sizeBytes });
  const parts = whole.isExt4 ? [] : (readPartitions(disk) ?? []);
  if (parts.length === 0) {
    return { pages: { [Symbol.iterator]: () => pagesOf(whole.used) }, isUnquiet: whole.isUnquiet };
  }
  const inside = parts.map((part) => readPart(disk, part));
  const used = function* (): Generator<ByteRange, void, undefined> {
    let end = 0;
    for (const [number, part] of parts.entries()) {
      if (part.start > end) yield { start: end, end: part.start };
      yield* inside[number]!.used;
      end = part.end;
    }
    if (end < disk.sizeBytes) yield { start: end, end: disk.sizeBytes };
  };
  return {
    pages: { [Symbol.iterator]: () => pagesOf(used()) },
    isUnquiet: inside.some(({ isUnquiet }) => isUnquiet),
  };
}

interface PartUse {
  readonly isExt4: boolean;
  readonly isUnquiet: boolean;
  /** Bytes of the disk. */
  readonly used: Iterable<ByteRange>;
}

function readPart(disk: DiskReader, { start, end }: ByteRange): PartUse {
  const part: DiskReader = {
    sizeBytes: end - start,
    read: (offset, into) => {
      if (offset < 0 || offset + into.length > end - start) throw new RangeError('outside the partition');
      disk.read(start + offset, into);
    },
  };
  const isExt4 = readExt4Layout(part) !== null;
  const used = usedBytesOfExt4(part);
  if (used === null) return { isExt4, isUnquiet: isExt4, used: [{ start, end }] };
  const shifted = function* (): Generator<ByteRange, void, undefined> {
    for (const range of used) yield { start: start + range.start, end: start + range.end };
  };
  return { isExt4, isUnquiet: false, used: { [Symbol.iterator]: shifted } };
}
