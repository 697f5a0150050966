import { closeSync, openSync } from 'node:fs';
import { TorporError } from '../../base/errors.ts';
import { formatRange, type PhysRange, sizeOf } from '../../base/ranges.ts';
import { lastErrno, mapShared } from '../native.ts';
import type { MappedRegion } from '../sys.ts';

/**
 * Maps through /dev/mem. O_SYNC is left out on purpose: it would make the mapping uncached
 * (arch/x86/mm/pat/memtype.c, phys_mem_access_prot_allowed).
 */
export function mapPhysical(range: PhysRange): MappedRegion {
  let fd: number;
  try {
    fd = openSync('/dev/mem', 'r+');
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    throw new TorporError(
      errno === 'EACCES' ? 'E_NOT_ROOT' : 'E_NO_DEVMEM',
      `cannot open /dev/mem: ${errno}`,
      {
        facts: { errno },
        hint:
          errno === 'EACCES'
            ? 'run this as root'
            : 'run `torpor doctor`: lockdown or CONFIG_DEVMEM=n forbids it',
        cause,
      },
    );
  }
  try {
    const mapping = mapShared(fd, range.start, sizeOf(range));
    if (mapping === null) {
      const errno = lastErrno();
      throw new TorporError('E_DEVMEM_REFUSED', `the kernel refuses to map ${formatRange(range)}: ${errno}`, {
        facts: { start: range.start, end: range.end, errno },
        hint: 'reserve the range on the kernel command line: `torpor plan` prints how',
      });
    }
    return { range, bytes: mapping.bytes, close: mapping.unmap };
  } finally {
    closeSync(fd);
  }
}
