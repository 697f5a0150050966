import { TorporError } from '../../base/errors.ts';
import { PAGE_BYTES } from '../../base/units.ts';
import { decodeImageHeader, encodeImageHeader, type ImageKernel, type StreamCounts } from './image-header.ts';
import type { PageRuns } from './page-runs.ts';
import { type Dialect, encodePfnList, listPagesOf, PfnListDecoder } from './pfn-list.ts';

/** Pages of a list that are read at a time. */
const CHUNK_PAGES = 64;

/** A whole stream of /dev/snapshot that lies somewhere (docs/formats/image-stream.md). */
export interface ImageStream {
  readonly kernel: ImageKernel;
  /** By page frame; their contents are pages of the stream. */
  readonly runs: PageRuns;
  /** The stream's page that is the first of the data. */
  readonly firstDataPage: number;
}

/**
 * Reads header and list of a stream of `pages` pages; `read` fills whole pages from a page on.
 * Throws E_IMAGE_STREAM.
 */
export function readImageStream(
  pages: number,
  read: (firstPage: number, into: Uint8Array) => void,
): ImageStream {
  try {
    if (pages < 1) throw new RangeError('it is empty');
    const { listPages, storedPages, ...kernel } = readHeader(read);
    if (1 + listPages + storedPages !== pages) {
      throw new RangeError(`it has ${pages} pages and says ${1 + listPages + storedPages}`);
    }
    const decoder = new PfnListDecoder();
    const chunk = new Uint8Array(Math.min(CHUNK_PAGES, listPages) * PAGE_BYTES);
    for (let page = 0; page < listPages; page += CHUNK_PAGES) {
      const part = chunk.subarray(0, Math.min(CHUNK_PAGES, listPages - page) * PAGE_BYTES);
      read(1 + page, part);
      decoder.add(part);
    }
    const { runs } = decoder;
    if (runs.stored !== storedPages) {
      throw new RangeError(`its list names ${runs.stored} pages of data and there are ${storedPages}`);
    }
    if (listPagesOf(runs.stored + runs.zeros) !== listPages) throw new RangeError('its list is too long');
    return { kernel, runs, firstDataPage: 1 + listPages };
  } catch (cause) {
    throw notUnderstood(cause);
  }
}

/** What the header alone says. Throws E_IMAGE_STREAM. */
export function readStreamHeader(read: (firstPage: number, into: Uint8Array) => void): {
  readonly kernel: ImageKernel;
  readonly firstDataPage: number;
} {
  try {
    const { listPages, storedPages, ...kernel } = readHeader(read);
    return { kernel, firstDataPage: 1 + listPages };
  } catch (cause) {
    throw notUnderstood(cause);
  }
}

function readHeader(read: (firstPage: number, into: Uint8Array) => void): ImageKernel & StreamCounts {
  const header = new Uint8Array(PAGE_BYTES);
  read(0, header);
  return decodeImageHeader(header);
}

/** Anything but what a decoder says stays what it is. */
export function notUnderstood(cause: unknown): unknown {
  if (!(cause instanceof RangeError)) return cause;
  return new TorporError('E_IMAGE_STREAM', `the kernel's image is not understood: ${cause.message}`, {
    facts: { what: cause.message },
    hint: 'docs/formats/image-stream.md says which kernels are known',
    cause,
  });
}

/** What comes before the data when an image is written for a kernel of that dialect. */
export interface StreamHead extends StreamCounts {
  readonly dialect: Dialect;
  readonly header: Uint8Array;
  /** The pages of the list, one at a time; the same buffer each time. */
  list(): Generator<Uint8Array, void, undefined>;
}

/** Plans a stream: in the `plain` dialect pages of zeros are counted among the data. */
export function planStreamHead(kernel: ImageKernel, runs: PageRuns, dialect: Dialect): StreamHead {
  const listPages = listPagesOf(runs.stored + runs.zeros);
  const storedPages = runs.stored + (dialect === 'plain' ? runs.zeros : 0);
  const counts = { listPages, storedPages };
  return {
    ...counts,
    dialect,
    header: encodeImageHeader(kernel, counts),
    list: () => encodePfnList(runs, dialect),
  };
}

/** What a kernel reads, by its release. Zero pages are only marked since 6.6, with the last fix in 6.7. */
export function dialectOf(release: string): Dialect {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  const version = Number(major ?? 0) * 1000 + Number(minor ?? 0);
  return version >= 6007 ? 'zero-flag' : 'plain';
}
