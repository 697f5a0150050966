import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress, zstdDecompressSync } from 'node:zlib';
import { MIB } from '../base/units.ts';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** More than a frame: what the library then needs is one call instead of one for each 16 KiB. */
const CHUNK_BYTES = MIB + 8192;

/** Compresses a frame in the thread pool. */
export async function compressFrame(bytes: Uint8Array): Promise<Uint8Array> {
  return await compress(bytes, {
    chunkSize: CHUNK_BYTES,
    pledgedSrcSize: bytes.length,
    params: {
      [constants.ZSTD_c_compressionLevel]: 1,
      [constants.ZSTD_c_checksumFlag]: 1,
    },
  });
}

/** Opposite of {@link compressFrame}, in the thread pool. Throws RangeError when it is no frame of `rawBytes` bytes. */
export async function expandFrame(bytes: Uint8Array, rawBytes: number): Promise<Uint8Array> {
  let raw: Uint8Array;
  try {
    raw = await decompress(bytes, expandOptions(rawBytes));
  } catch (cause) {
    throw notExpanded(cause);
  }
  return checkLength(raw, rawBytes);
}

/** The same in this thread. */
export function expandFrameNow(bytes: Uint8Array, rawBytes: number): Uint8Array {
  let raw: Uint8Array;
  try {
    raw = zstdDecompressSync(bytes, expandOptions(rawBytes));
  } catch (cause) {
    throw notExpanded(cause);
  }
  return checkLength(raw, rawBytes);
}

/** One call of the library for the whole frame, and not a byte more than it may have. */
function expandOptions(rawBytes: number) {
  return { chunkSize: Math.max(64, rawBytes + 64), maxOutputLength: rawBytes };
}

function notExpanded(cause: unknown): RangeError {
  return new RangeError(`a frame does not expand: ${cause instanceof Error ? cause.message : cause}`);
}

function checkLength(raw: Uint8Array, rawBytes: number): Uint8Array {
  if (raw.length !== rawBytes) throw new RangeError(`a frame has ${raw.length} bytes instead of ${rawBytes}`);
  return raw;
}
