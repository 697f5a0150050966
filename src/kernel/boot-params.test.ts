import assert from 'node:assert/strict';
import { test } from 'node:test';
import { physAddr } from '../base/units.ts';
import { decodeE820, E820_COUNT_OFFSET, E820_ENTRY_BYTES, E820_TABLE_OFFSET } from '../memory/e820.ts';
import { PC_BIOS_2G } from '../memory/firmware-map.fixture.ts';
import { BOOT_PARAMS, type BootParamsInput, encodeBootParams } from './boot-params.ts';
import { sampleBzImage } from './bzimage.fixture.ts';
import { SETUP_HEADER } from './setup-header.ts';

const input: BootParamsInput = {
  header: sampleBzImage().subarray(0x1f1, 0x26c),
  loadAddress: physAddr(0x21000000),
  commandLine: physAddr(0x20004000),
  initrd: { start: physAddr(0x2f000000), sizeBytes: 0x123456 },
  memoryMap: PC_BIOS_2G,
  acpiRsdp: physAddr(0xf52a0),
  bootParamsOfThisOs: null,
};

test('the offsets are those that a C compiler gives for struct boot_params (Linux 6.12)', () => {
  const offsets = Object.fromEntries(
    Object.entries(BOOT_PARAMS.fields).map(([name, field]) => [name, field.offset]),
  );
  assert.deepEqual(offsets, {
    screenExtMemKib: 0x2,
    acpiRsdp: 0x70,
    ramdiskImageHigh: 0xc0,
    ramdiskSizeHigh: 0xc4,
    commandLineHigh: 0xc8,
    e820Entries: 0x1e8,
    sentinel: 0x1ef,
  });
  assert.deepEqual(
    [BOOT_PARAMS.sizeBytes, E820_COUNT_OFFSET, E820_TABLE_OFFSET, E820_ENTRY_BYTES],
    [4096, 0x1e8, 0x2d0, 20],
  );
});

test('holds the header, the addresses and the memory map', () => {
  const page = encodeBootParams(input);
  const header = SETUP_HEADER.decode(page);
  assert.equal(header.magic, 0x53726448);
  assert.equal(header.loaderType, 0xff);
  assert.equal(header.ramdiskImage, 0x2f000000);
  assert.equal(header.ramdiskSize, 0x123456);
  assert.equal(header.commandLine, 0x20004000);
  assert.equal(header.setupData, 0n);
  assert.equal(BOOT_PARAMS.decode(page).acpiRsdp, 0xf52a0n);
  assert.equal(BOOT_PARAMS.decode(page).sentinel, 0);
  assert.deepEqual(decodeE820(page), PC_BIOS_2G);
});

test('splits addresses above 4 GiB', () => {
  const high = 0x9_8765_4000;
  const page = encodeBootParams({
    ...input,
    commandLine: physAddr(high),
    initrd: { start: physAddr(high), sizeBytes: 2 ** 32 + 5 },
  });
  const fields = BOOT_PARAMS.decode(page);
  assert.deepEqual([fields.commandLineHigh, fields.ramdiskImageHigh, fields.ramdiskSizeHigh], [9, 9, 1]);
  assert.equal(SETUP_HEADER.decode(page).commandLine, 0x87654000);
  assert.equal(SETUP_HEADER.decode(page).ramdiskSize, 5);
});

test('takes the screen of the running kernel and nothing else of it', () => {
  const model = new Uint8Array(4096).fill(0xee);
  const page = encodeBootParams({ ...input, bootParamsOfThisOs: model });
  assert.deepEqual(page.subarray(4, 0x40), model.subarray(4, 0x40));
  assert.deepEqual(page.subarray(0x140, 0x1c0), model.subarray(0x140, 0x1c0));
  assert.deepEqual([...page.subarray(2, 4)], [0, 0]);
  assert.ok(
    page.subarray(0x1c0, 0x1e8).every((byte) => byte === 0),
    'no efi_info',
  );
  assert.ok(page.subarray(0x290, 0x2d0).every((byte) => byte === 0));
});
