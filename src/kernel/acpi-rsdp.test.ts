import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeSys } from '../sys/fake.ts';
import { findAcpiRsdp } from './acpi-rsdp.ts';
import { BOOT_PARAMS } from './boot-params.ts';

const DATA = '/sys/kernel/boot_params/data';
const SYSTAB = '/sys/firmware/efi/systab';

test('boot_params first, then the EFI system table, then nothing', () => {
  const page = new Uint8Array(4096);
  BOOT_PARAMS.encodeInto(page, { acpiRsdp: 0xf52a0n });
  const systab = 'SMBIOS=0x7eb5c000\nACPI20=0x7eb9e014\nACPI=0x7eb9e000\n';
  assert.equal(findAcpiRsdp(new FakeSys({ files: { [DATA]: page, [SYSTAB]: systab } })), 0xf52a0);
  const empty = new Uint8Array(4096);
  assert.equal(findAcpiRsdp(new FakeSys({ files: { [DATA]: empty, [SYSTAB]: systab } })), 0x7eb9e014);
  assert.equal(findAcpiRsdp(new FakeSys({ files: { [SYSTAB]: 'ACPI=0x7eb9e000\n' } })), 0x7eb9e000);
  assert.equal(findAcpiRsdp(new FakeSys({ files: { [DATA]: empty } })), 0);
  assert.equal(findAcpiRsdp(new FakeSys({ files: { [SYSTAB]: 'ACPI20=0xffffffffffffffff' } })), 0);
});
