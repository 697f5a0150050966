import { type ExtractEvents, extract, type Header, pack } from 'tar-stream';

type Source = ExtractEvents['entry'][1];

/** A file of an archive. */
export interface TarFile {
  readonly name: string;
  readonly sizeBytes: number;
  /** To be read to its end before the next file; each chunk is used before the next one is made. */
  readonly content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** A file as it was found in an archive. `content` is read before the next file. */
export interface TarEntry {
  readonly name: string;
  /** `file`, or something that no archive of ours has: `symlink`, `link`, `character-device`, … */
  readonly type: Header['type'] | null;
  readonly sizeBytes: number;
  readonly content: AsyncIterable<Uint8Array>;
}

/** The same files always give the same bytes: no times, no owners. */
const FIXED = { mode: 0o644, mtime: new Date(0), uid: 0, gid: 0, uname: '', gname: '' } as const;

/**
 * A tar (POSIX.1-2001 pax where a value needs it) of files that are made while it is read; only one
 * chunk is in memory. Ends with the error of a file's content, or RangeError when its size is wrong.
 */
export async function* packTar(
  files: Iterable<TarFile> | AsyncIterable<TarFile>,
): AsyncGenerator<Uint8Array> {
  const archive = pack();
  const filling = fill(archive, files).catch((error: Error) => archive.destroy(error));
  try {
    for await (const chunk of archive) yield chunk as Uint8Array;
    await filling;
  } finally {
    archive.destroy(null);
  }
}

async function fill(
  archive: ReturnType<typeof pack>,
  files: Iterable<TarFile> | AsyncIterable<TarFile>,
): Promise<void> {
  for await (const { name, sizeBytes, content } of files) {
    const { promise: whole, resolve, reject } = Promise.withResolvers<void>();
    const entry = archive.entry({ ...FIXED, name, size: sizeBytes }, (error) =>
      error ? reject(error) : resolve(),
    );
    // Who reads the archive gets the error; these two would be errors that nobody handles.
    whole.catch(() => {});
    entry.on('error', () => {});
    let written = 0;
    for await (const chunk of content) {
      written += chunk.length;
      if (written > sizeBytes) break;
      // A copy: the stream holds it until it is read, and its maker uses the memory again.
      if (!entry.write(Buffer.from(chunk))) await drained(entry, whole);
    }
    if (written !== sizeBytes)
      throw new RangeError(`${name} does not have the ${sizeBytes} bytes that were announced`);
    entry.end(null);
    await whole;
  }
  archive.finalize();
}

async function drained(
  entry: ReturnType<ReturnType<typeof pack>['entry']>,
  whole: Promise<void>,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  entry.once('drain', resolve);
  await Promise.race([promise, whole]);
}

/** The files of a tar, in its order. Throws RangeError for what is no tar or ends too early. */
export async function* readTar(
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<TarEntry> {
  const archive = extract();
  let failure: unknown;
  const feeding = feed(archive, chunks).catch((error: Error) => {
    failure = error;
    archive.destroy(error);
  });
  // The library has no error classes: what did not come from `chunks` is about the archive.
  const explain = (cause: unknown): unknown =>
    cause === failure
      ? cause
      : new RangeError(`not a whole tar archive: ${(cause as Error).message}`, { cause });
  try {
    for await (const source of archive) {
      const { name, type, size } = source.header;
      yield { name, type: type ?? null, sizeBytes: size, content: contentOf(source, explain) };
      source.resume();
    }
    await feeding;
  } catch (cause) {
    throw explain(cause);
  } finally {
    archive.destroy(null);
  }
}

async function* contentOf(source: Source, explain: (cause: unknown) => unknown): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of source) yield chunk as Uint8Array;
  } catch (cause) {
    throw explain(cause);
  }
}

async function feed(
  archive: ReturnType<typeof extract>,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  archive.once('close', resolve);
  for await (const chunk of chunks) {
    if (archive.destroyed) return;
    if (archive.write(chunk)) continue;
    const { promise: drain, resolve: go } = Promise.withResolvers<void>();
    archive.once('drain', go);
    await Promise.race([drain, closed]);
  }
  archive.end(null);
}
