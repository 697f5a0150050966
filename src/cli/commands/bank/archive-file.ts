import { createReadStream, existsSync } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TorporError } from '../../../base/errors.ts';
import { type OnProgress, ProgressMeter } from '../../../base/progress.ts';
import { MIB } from '../../../base/units.ts';

/**
 * Writes an archive so that the file is whole or not there; `-` is standard output. Returns its size.
 * Throws E_FILE.
 */
export async function writeArchive(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  replace: boolean,
): Promise<number> {
  if (path === '-') return await writeOut(chunks);
  if (!replace && existsSync(path)) throw fileError('write', path, 'EEXIST', 'replace it with --replace');
  const partial = `${path}.partial`;
  let bytes = 0;
  try {
    const file = await open(partial, 'w', 0o600);
    try {
      for await (const chunk of chunks) {
        await file.writeFile(chunk);
        bytes += chunk.length;
      }
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
    await syncDirectory(dirname(path));
    return bytes;
  } catch (error) {
    await rm(partial, { force: true });
    throw error instanceof TorporError
      ? error
      : fileError('write', path, errnoOf(error), 'name another file', error);
  }
}

/** An archive's bytes in pieces; `-` is standard input. Throws E_FILE. */
export async function* readArchiveFile(path: string, onProgress?: OnProgress): AsyncGenerator<Uint8Array> {
  try {
    const total = path === '-' ? 0 : (await stat(path)).size;
    const meter = new ProgressMeter('read', total, path === '-' ? undefined : onProgress);
    const stream = path === '-' ? process.stdin : createReadStream(path, { highWaterMark: MIB });
    for await (const chunk of stream) {
      yield chunk as Uint8Array;
      meter.add((chunk as Uint8Array).length);
    }
    meter.finish();
  } catch (error) {
    const errno = errnoOf(error);
    throw errno === 'unknown'
      ? error
      : fileError('read', path, errno, 'name an archive that is there', error);
  }
}

async function writeOut(chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const chunk of chunks) {
    await new Promise<void>((resolve, reject) => {
      process.stdout.write(chunk, (error) => (error ? reject(error) : resolve()));
    });
    bytes += chunk.length;
  }
  return bytes;
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  await directory.sync();
  await directory.close();
}

function errnoOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown';
}

function fileError(what: string, path: string, errno: string, hint: string, cause?: unknown): TorporError {
  return new TorporError('E_FILE', `cannot ${what} ${path}: ${errno}`, {
    facts: { path, errno },
    hint,
    cause,
  });
}
