import xxhash from 'xxhash-wasm';
import { zstdXxh64 } from './native.ts';

/** The state of XXH64 takes 88 bytes (struct XXH64_state_s of zstd's xxhash.h, 1.5). */
const STATE_BYTES = 256;

/**
 * In a Node that does not export its own. WebAssembly is compiled once, when this module is loaded.
 */
const wasm = zstdXxh64 === null ? await xxhash() : null;

/** XXH64 with a seed (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md), as an unsigned 64-bit integer. */
export function xxh64(bytes: Uint8Array, seed = 0n): bigint {
  // koffi gives a number where one is enough.
  return wasm === null ? BigInt(zstdXxh64!.whole(bytes, bytes.length, seed)) : wasm.h64Raw(bytes, seed);
}

/** The same, of bytes that come one after the other. */
export interface Xxh64 {
  update(bytes: Uint8Array): void;
  digest(): bigint;
}

export function startXxh64(): Xxh64 {
  if (wasm !== null) {
    const hash = wasm.create64(0n);
    return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
  }
  const { reset, update, digest } = zstdXxh64!;
  // SAFETY: the library writes its state to it, and nothing behind STATE_BYTES.
  const state = new Uint8Array(STATE_BYTES);
  reset(state, 0n);
  return { update: (bytes) => update(state, bytes, bytes.length), digest: () => BigInt(digest(state)) };
}
