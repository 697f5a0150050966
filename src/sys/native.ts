import koffi from 'koffi';

/**
 * The C library through koffi, and a few machine instructions that JavaScript has no name for.
 * Everything here is untyped kernel interface; `linux.ts` gives it meaning.
 */
const libc = koffi.load('libc.so.6');

/** `long syscall(long, ...)` with six integer arguments; -1 and errno on failure. */
export const syscall: (
  number: number,
  a: number | bigint,
  b: number | bigint,
  c: number | bigint,
  d: number | bigint,
  e: number | bigint,
  f: number | bigint,
) => number = libc.func(
  'int64_t syscall(int64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t)',
);

/** `int malloc_trim(size_t)`: gives free memory of the heap back to the kernel, all but so many bytes. */
export const trimHeap: (keepBytes: number) => number = libc.func('int malloc_trim(size_t)');

/**
 * `unsigned char *SHA256(const unsigned char *d, size_t n, unsigned char *md)` (OpenSSL's <openssl/sha.h>), which Node
 * exports to addons with the rest of its OpenSSL. Null in a Node that does not.
 */
export const opensslSha256: ((bytes: Uint8Array, sizeBytes: number, digest: Uint8Array) => void) | null =
  ifExported((node) => node.func('void *SHA256(const void *, size_t, void *)'));

/** XXH64 of the zstd in Node (lib/common/xxhash.h, 1.5). Null in a Node that does not export it. */
export const zstdXxh64: {
  readonly whole: (bytes: Uint8Array, sizeBytes: number, seed: bigint) => bigint | number;
  readonly reset: (state: Uint8Array, seed: bigint) => number;
  readonly update: (state: Uint8Array, bytes: Uint8Array, sizeBytes: number) => number;
  readonly digest: (state: Uint8Array) => bigint | number;
} | null = ifExported((node) => ({
  whole: node.func('uint64_t ZSTD_XXH64(const void *, size_t, uint64_t)'),
  reset: node.func('int ZSTD_XXH64_reset(void *, uint64_t)'),
  update: node.func('int ZSTD_XXH64_update(void *, const void *, size_t)'),
  digest: node.func('uint64_t ZSTD_XXH64_digest(const void *)'),
}));

/** What this program itself exports. */
function ifExported<T>(load: (node: ReturnType<typeof koffi.load>) => T): T | null {
  try {
    return load(koffi.load(null));
  } catch {
    return null;
  }
}

const mmapCall = libc.func('void *mmap(void *, uint64_t, int, int, int, int64_t)');
const munmapCall = libc.func('int munmap(void *, uint64_t)');

const PROT_READ = 1;
const PROT_WRITE = 2;
const PROT_EXEC = 4;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_ANONYMOUS = 0x20;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

/** An mmap of this process. `bytes` are the memory itself and must not be used after `unmap`. */
export interface Mapping {
  readonly address: bigint;
  readonly bytes: Uint8Array;
  unmap(): void;
}

/** The errno of the last call through this module, as a name (`EPERM`) where it is a common one. */
export function lastErrno(): string {
  return errnoName(lastErrnoNumber());
}

export function lastErrnoNumber(): number {
  return koffi.errno();
}

export function errnoName(number: number): string {
  const found = Object.entries(koffi.os.errno).find(([, value]) => value === number);
  return found?.[0] ?? `errno ${number}`;
}

/** mmap(2) of a file, shared and writable. Null on failure (see {@link lastErrno}). */
export function mapShared(fd: number, offset: number, sizeBytes: number): Mapping | null {
  return map(fd, offset, sizeBytes, PROT_READ | PROT_WRITE, MAP_SHARED)?.mapping ?? null;
}

/** Page-aligned private memory, for structures that the kernel reads by address. */
export function allocate(sizeBytes: number): Mapping {
  return mapPrivate(sizeBytes, PROT_READ | PROT_WRITE).mapping;
}

/** Where memory of {@link allocate} is; `bytes` may begin in the middle of it. */
export function addressOf(bytes: Uint8Array): bigint {
  return koffi.address(bytes);
}

function mapPrivate(sizeBytes: number, protection: number): NonNullable<ReturnType<typeof map>> {
  const mapped = map(-1, 0, sizeBytes, protection, MAP_PRIVATE | MAP_ANONYMOUS);
  if (mapped === null) throw new Error(`cannot allocate ${sizeBytes} bytes: ${lastErrno()}`);
  return mapped;
}

function map(fd: number, offset: number, sizeBytes: number, protection: number, flags: number) {
  const pointer: unknown = mmapCall(null, sizeBytes, protection, flags, fd, offset);
  const address = koffi.address(pointer);
  if (address === MAP_FAILED) return null;
  const bytes = new Uint8Array(koffi.view(pointer, sizeBytes));
  let mapped = true;
  const unmap = (): void => {
    if (mapped) munmapCall(pointer, sizeBytes);
    mapped = false;
  };
  return { pointer, mapping: { address, bytes, unmap } satisfies Mapping };
}

// rdtsc; shl $32,%rdx; or %rdx,%rax; ret
const RDTSC = Uint8Array.of(0x0f, 0x31, 0x48, 0xc1, 0xe2, 0x20, 0x48, 0x09, 0xd0, 0xc3);

/** Koffi's names of types are global, so it is made once. */
const RDTSC_TYPE = koffi.proto('uint64_t torpor_rdtsc()');

/** Builds a function that reads the time stamp counter. Its page stays mapped for the process's life. */
export function makeReadTsc(): () => bigint {
  const page = mapPrivate(4096, PROT_READ | PROT_WRITE | PROT_EXEC);
  // SAFETY: a fresh private page of our own, larger than the ten bytes of code.
  page.mapping.bytes.set(RDTSC);
  const call = koffi.decode(page.pointer, RDTSC_TYPE) as () => number | bigint;
  return () => BigInt(call());
}
