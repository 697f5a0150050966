import { PHYS_ADDR_LIMIT, type PhysAddr, physAddr } from '../base/units.ts';
import type { Sys } from '../sys/sys.ts';
import { BOOT_PARAMS } from './boot-params.ts';

/**
 * Where the ACPI tables begin: from the running kernel's boot_params, else (UEFI) from the EFI
 * system table, else 0: the guest then searches the BIOS area below 1 MiB as every PC kernel
 * does, which its memory map leaves reserved.
 */
export function findAcpiRsdp(sys: Sys): PhysAddr {
  const page = sys.readBinaryFile('/sys/kernel/boot_params/data');
  if (page !== null && page.byteLength >= BOOT_PARAMS.sizeBytes) {
    const address = BOOT_PARAMS.decode(page).acpiRsdp;
    if (address !== 0n && address < BigInt(PHYS_ADDR_LIMIT)) return physAddr(address);
  }
  return parseSystab(sys.readTextFile('/sys/firmware/efi/systab') ?? '');
}

/** `ACPI20=0x7fb7e014`, else `ACPI=…`, of /sys/firmware/efi/systab; else 0. */
function parseSystab(text: string): PhysAddr {
  for (const name of ['ACPI20', 'ACPI']) {
    const digits = new RegExp(`^${name}=0x([0-9a-f]{1,13})$`, 'im').exec(text)?.[1];
    if (digits !== undefined) return physAddr(Number.parseInt(digits, 16));
  }
  return physAddr(0);
}
