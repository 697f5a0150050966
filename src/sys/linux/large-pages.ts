import { alignUp, MIB } from '../../base/units.ts';
import { allocate, syscall } from '../native.ts';
import { SYSTEM_CALL } from './call.ts';

/** include/uapi/asm-generic/mman-common.h (6.12) */
const MADV_HUGEPAGE = 14;
/** Of a large page (PMD_SIZE, arch/x86/include/asm/pgtable_64_types.h). */
const LARGE_PAGE_BYTES = 2 * MIB;

/** See ImageSys.allocateLarge. Where the kernel has no large page it gives small ones. */
export function allocateLarge(sizeBytes: number): Uint8Array {
  const wholeBytes = alignUp(sizeBytes, LARGE_PAGE_BYTES);
  const { address, bytes } = allocate(wholeBytes + LARGE_PAGE_BYTES);
  const skipped = alignUp(Number(address), LARGE_PAGE_BYTES) - Number(address);
  syscall(SYSTEM_CALL.madvise, address + BigInt(skipped), wholeBytes, MADV_HUGEPAGE, 0, 0, 0);
  return bytes.subarray(skipped, skipped + sizeBytes);
}
