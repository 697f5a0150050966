import type { Sys } from '../sys/sys.ts';
import { orNull } from './if-allowed.ts';

/** EFI_GLOBAL_VARIABLE; four bytes of attributes, then the value (UEFI specification 3.3). */
const VARIABLE = '/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c';

/** `bios`: the machine was not started by UEFI. */
export function readSecureBoot(sys: Sys): 'on' | 'off' | 'bios' | 'unknown' {
  if (!sys.listDirectory('/sys/firmware').includes('efi')) return 'bios';
  const value = orNull(() => sys.readBinaryFile(VARIABLE));
  if (value === null || value.length < 5) return 'unknown';
  return value[4] === 1 ? 'on' : 'off';
}
